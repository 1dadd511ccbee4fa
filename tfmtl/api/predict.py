"""Answers of a run or an export, from Python."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfmtl.core.errors import UserError
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.predictor import open_predictor
from tfmtl.serving.prediction.rows import Row


def predict(model: RunFolder | str | Path, texts: Iterable[str | tuple[str, str]]) -> list[dict[str, Any]]:
    """Answers every task about texts.

    Args:
        model: a run, or the folder of a run or of an export.
        texts: texts, or pairs of them.

    Returns:
        For each text, by task: `{"label": ..., "probabilities": {...}}`, `{"score": ...}` or `{"summary": ...}`.
    """
    if isinstance(texts, str):
        raise UserError("predict: expected several texts, found one; put it into a list")
    rows = [_row(text) for text in texts]
    return list(predict_rows(open_predictor(model.path if isinstance(model, RunFolder) else model), rows))


def _row(text: str | tuple[str, str]) -> Row:
    parts = (text,) if isinstance(text, str) else text
    if isinstance(parts, tuple | list) and len(parts) in (1, 2) and all(isinstance(part, str) for part in parts):
        return Row(*parts)
    raise UserError(f"predict: expected a text, or a pair of texts, found {str(text)[:60]!r}")
