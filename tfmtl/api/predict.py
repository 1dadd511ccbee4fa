"""Predicts with a run or an export, from Python."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from tfmtl.api.tables import columns_of, is_rows, is_table
from tfmtl.core.errors import UserError
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.explain import ExplainingPredictor
from tfmtl.serving.prediction.fields import TextFields
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.predictor import Predictor, open_predictor
from tfmtl.serving.prediction.rows import Row


class LoadedModel:
    """A model that stays open: its graphs are loaded and traced once, however often it is asked.

    Args:
        predictor: the predictor of a run or an export.

    Attributes:
        tasks: the tasks that it answers, by name.
    """

    def __init__(self, predictor: Predictor):
        self._predictor = predictor
        self.tasks: Mapping[str, ServedTask] = predictor.tasks

    def predict(self, rows: Any, *, explain: bool = False) -> list[dict[str, Any]]:
        """Returns every task's answer for each row.

        Args:
            rows: texts, or pairs of texts; or a table, such as a DataFrame or a list of dicts, with the fields that the
                tasks read or one named `text`, and for pairs `text_pair`. Other fields are ignored.
            explain: whether answers of labels and scores have an `explanation`, the weight of each word; each text is
                then read once more for each of its words.

        Returns:
            The answers for each row by task, such as `{"label": ..., "probabilities": {...}}` or `{"summary": ...}`.

        Raises:
            UserError: if rows cannot be read, or lack a field that every task reads.
        """
        read = self._rows_of_columns(columns_of(rows, "predict")) if _holds_fields(rows) else _rows_of_texts(rows)
        return self._answers(read, explain)

    def _answers(self, rows: list[Row], explain: bool) -> list[dict[str, Any]]:
        return list(predict_rows(ExplainingPredictor(self._predictor) if explain else self._predictor, rows))

    def _rows_of_columns(self, columns: Mapping[str, list]) -> list[Row]:
        fields = TextFields.of(self.tasks)
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        # A field that no row has is missing in the table, not in its first row.
        fields.among(rows[0] if rows else columns, "predict")
        return [Row.parse(row, f"predict: row {number}", fields) for number, row in enumerate(rows)]


def load(model: RunFolder | str | Path, allowed_ops: Collection[str] = ()) -> LoadedModel:
    """Returns the model of a run, or of an export, which stays open.

    Args:
        model: a run, or the folder of a run, of an export, or of one version of it.
        allowed_ops: ops that the graph of an export may have, besides those that exports are made of; an export with
            others is refused, because loading it could read, write or run anything.

    Raises:
        RunError: if it is none of them, damaged, or its graph has other ops.
    """
    folder = model if isinstance(model, RunFolder) else RunFolder(model)
    return LoadedModel(open_predictor(folder.path, allowed_ops))


def predict(model: RunFolder | str | Path, rows: Iterable[Any], *, explain: bool = False) -> list[dict[str, Any]]:
    """Returns every task's answer for each row; see `load` and `LoadedModel.predict`.

    Args:
        model: a run, or the folder of a run or of an export.
        rows: texts, pairs of texts, or a table.
        explain: whether answers say which words speak for them.

    Returns:
        The answers for each row by task, such as `{"label": ..., "probabilities": {...}}`, `{"score": ...}` or
        `{"summary": ...}`.
    """
    if _holds_fields(rows):
        return load(model).predict(rows, explain=explain)
    # Texts are checked before the model is opened, which takes seconds.
    checked = _rows_of_texts(rows)
    return load(model)._answers(checked, explain)


def _holds_fields(rows: Any) -> bool:
    """Returns whether rows are a table with named fields, not texts."""
    return is_table(rows) and (is_rows(rows) or not isinstance(rows, list | tuple))


def _rows_of_texts(rows: Any) -> list[Row]:
    if isinstance(rows, str | bytes):
        raise UserError("predict: expected several texts, found one; put it into a list")
    if isinstance(rows, Mapping):
        raise UserError(f"predict: expected lists of values by field, found {str(dict(rows))[:60]}")
    if not isinstance(rows, Iterable):
        raise UserError(f"predict: expected texts, pairs of texts or a table, found {rows!r}")
    return [_row(row, number) for number, row in enumerate(rows)]


def _row(row: Any, number: int) -> Row:
    parts = (row,) if isinstance(row, str) else row
    if isinstance(parts, tuple | list) and len(parts) in (1, 2) and all(isinstance(part, str) for part in parts):
        return Row(*parts, place=f"predict: row {number}")
    raise UserError(f"predict: expected a text, or a pair of texts, found {str(row)[:60]!r}")
