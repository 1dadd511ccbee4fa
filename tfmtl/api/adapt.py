"""Adapts a run to new tasks, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.config.adaptation import Adaptation, load_adaptation, parse_adaptation
from tfmtl.core.atomic_write import check_folder
from tfmtl.core.errors import RunError, UserError
from tfmtl.core.messages import show_messages
from tfmtl.reports.adaptation import Scores, scores_of, summary, write_summary
from tfmtl.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Adapted:
    """The result of `adapt`.

    Attributes:
        runs: the adapted runs, one for each seed.
        scores: their test scores with mean and spread; see `tfmtl.reports.adaptation.summary`.
    """

    runs: list[RunFolder]
    scores: dict[str, Any]


def adapt(
    run: RunFolder | str | Path,
    adaptation: Adaptation | Mapping[str, Any] | str | Path,
    shots: int | None = None,
    seeds: Sequence[int] | None = None,
    to: str | Path | None = None,
) -> Adapted:
    """Teaches a trained run new tasks, new labels of its tasks, or a new domain, from few rows.

    The run is left as it is. The result is a run of its own, which predicts, evaluates and exports old and new tasks.

    Args:
        run: the run, or its folder.
        adaptation: the tasks and their sources, as a mapping like that of YAML, or the path of a YAML file.
        shots: the number of rows of each label that are drawn from the training split; `None` means `adapt.shots`,
            by default all rows.
        seeds: the seeds that draw them, each for a run of its own, in `runs/<name>-seed<seed>`; `None` means one run by
            `adapt.seed`, in `runs/<name>`.
        to: the folder of the adapted run, or for several seeds that of their scores and their runs, `<to>/seed<seed>`.

    Raises:
        UserError: if an argument cannot be used; nothing is left behind then.
    """
    show_messages()
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    if isinstance(adaptation, Mapping):
        adaptation = parse_adaptation(adaptation)
    elif not isinstance(adaptation, Adaptation):
        adaptation = load_adaptation(adaptation)
    if shots is not None:
        adaptation = adaptation.with_options(shots=shots)
    if seeds is not None and not len(seeds):
        raise UserError("adapt: name at least one seed")
    draws = [adaptation if seeds is None else adaptation.with_options(seed=seed) for seed in seeds or [None]]
    base = Path(to) if to is not None else Path("runs") / adaptation.name
    folders = [base] if seeds is None else [_of_seed(base, seed, to is not None) for seed in seeds]
    summaries = base if seeds is None or to is not None else base.with_name(f"{base.name}-seeds")
    check_folder(summaries)
    adapter, method = Adapter(run), adaptation.adapt.name
    scores: dict[int, dict[str, Scores]] = {}
    for draw, folder in zip(draws, folders, strict=True):
        adapted = adapter.adapt(draw, RunFolder(folder))
        scores[draw.options.seed] = scores_of(adapted, method)
    found = {"run": str(run.path), **summary(method, adaptation.options.shots, scores)}
    try:
        write_summary(summaries, found)
    except OSError as error:
        raise RunError(f"{summaries}: cannot be written: {error.strerror}") from None
    return Adapted([RunFolder(folder) for folder in folders], found)


def _of_seed(base: Path, seed: int, inside: bool) -> Path:
    return base / f"seed{seed}" if inside else base.with_name(f"{base.name}-seed{seed}")
