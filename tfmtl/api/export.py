"""Exports a run, from Python."""

from collections.abc import Collection
from pathlib import Path
from typing import get_args

from tfmtl.core.errors import UserError, nearest
from tfmtl.core.messages import show_messages
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.export import WarmupTexts, export_run
from tfmtl.serving.export.quantization import QUANTIZATIONS


def export(
    run: RunFolder | str | Path,
    to: str | Path | None = None,
    *,
    quantize: str | None = None,
    encoder_only: bool = False,
    tasks: Collection[str] | None = None,
    warmup_texts: WarmupTexts = "made-up",
) -> Path:
    """Exports a run's best model as the next version of a SavedModel that takes raw strings.

    Args:
        run: the run, or its folder.
        to: the export's folder; `None` means `saved_models/<name>`.
        quantize: `int8` or `bfloat16` for smaller weights; the model card gives the cost on the validation split.
        encoder_only: whether tasks with a decoder are left out.
        tasks: the names of the tasks that the export answers; `None` means all.
        warmup_texts: the texts of the requests that warm a server up: `made-up` ones, or texts of the `validation`
            split, which whoever has the export can then read.

    Returns:
        The directory of the new version.
    """
    show_messages()
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    if quantize is not None and quantize not in QUANTIZATIONS:
        raise UserError(f"export: unknown quantization '{quantize}'; {nearest(quantize, QUANTIZATIONS)}")
    if warmup_texts not in get_args(WarmupTexts):
        raise UserError(
            f"export: unknown warmup_texts '{warmup_texts}'; {nearest(warmup_texts, get_args(WarmupTexts))}"
        )
    folder = None if to is None else Path(to)
    return export_run(run, folder, quantize, encoder_only=encoder_only, tasks=tasks, warmup_texts=warmup_texts)
