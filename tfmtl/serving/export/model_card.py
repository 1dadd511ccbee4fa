"""The model card of an export, a page for people beside the graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmtl.core.markdown import plain, table
from tfmtl.data.cut import Cut, read_cut
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import read_evaluation
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.signatures import signatures

CARD_FILE = "model_card.md"
EVALUATED = ("test", "validation")
"""The splits whose evaluations are quoted."""
_LABELS_SHOWN = 20


@dataclass(frozen=True)
class Quantization:
    """The quantization of the weights and its cost.

    Attributes:
        name: a name of `tfmtl.serving.export.quantization.QUANTIZATIONS`.
        losses: task, metric, and its value before and after, on the validation split.
    """

    name: str
    losses: Sequence[tuple[str, str, float, float]]


def write_model_card(
    export: Path, run: RunFolder, description: Description, quantization: Quantization | None = None
) -> None:
    """Writes `model_card.md`: the tasks, their metrics, the signatures, and the origin of the model.

    Args:
        export: the directory of one version.
        run: the run that it was made from; its evaluations on the validation and test splits are quoted if there are
            any.
        description: the description of the export.
        quantization: the quantization of its weights; `None` if they are as they were trained.
    """
    times = "once" if description.readings == 1 else f"{description.readings:g} times"
    answers = f"One model that answers every task below about a text, which it reads {times}."
    lines = [f"# {plain(description.name)}", "", answers, ""]
    lines += _tasks(description)
    for split in EVALUATED:
        if run.evaluation(split).is_file():
            measured = read_evaluation(run, split)
            lines += _metrics(split, {name: measured[name] for name in description.tasks if name in measured})
            lines += _cut(read_cut(run.cut(split)))
    if quantization:
        lines += _quantized(quantization)
    lines += _signatures(description)
    made = ", ".join(f"{package} {version}" for package, version in description.versions.items())
    lines += ["## Made with", "", f"{made}.", "", *_training(run)]
    (export / CARD_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _tasks(description: Description) -> list[str]:
    rows = []
    for name, task in description.tasks.items():
        labels = [*map(plain, task.labels[:_LABELS_SHOWN])]
        if len(task.labels) > _LABELS_SHOWN:
            labels.append(f"and {len(task.labels) - _LABELS_SHOWN} more")
        rows.append([plain(name), task.kind, "two texts" if task.pair else "a text", ", ".join(labels)])
    return ["## Tasks", "", *table(["task", "kind", "reads", "labels"], rows), ""]


def _metrics(split: str, tasks: dict) -> list[str]:
    rows = [
        [plain(name), metric, f"{metrics[metric]:.4f}", f"{low:.4f} to {high:.4f}", str(metrics["examples"])]
        for name, metrics in tasks.items()
        for metric, (low, high) in metrics["intervals"].items()
    ]
    return [f"## On {split}", "", *table(["task", "metric", "value", "95 % interval", "examples"], rows), ""]


def _cut(found: Sequence[Cut]) -> list[str]:
    return [*(f"- {plain(str(cut))}" for cut in found), ""] if found else []


def _quantized(quantization: Quantization) -> list[str]:
    rows = [
        [plain(task), metric, f"{before:.4f}", f"{after:.4f}", f"{after - before:+.4f}"]
        for task, metric, before, after in quantization.losses
    ]
    return [
        f"## Weights in {quantization.name}",
        "",
        "The metrics above are those of the model as it was trained. Those below are on the validation split, with",
        "summaries generated as in this export, for as many rows as after each epoch of training:",
        "",
        *table(["task", "metric", "as trained", f"in {quantization.name}", "difference"], rows),
        "",
    ]


def _signatures(description: Description) -> list[str]:
    rows = [[f"`{name}`", ", ".join(map(plain, answered))] for name, answered in signatures(description.tasks).items()]
    return ["## Signatures", "", *table(["signature", "answers"], rows), ""]


def _training(run: RunFolder) -> list[str]:
    """The data that the model has seen; its answers to other kinds of texts are not measured here."""
    rows = []
    for name, source in experiment_of(run).sources.items():
        values = source.as_mapping()
        train = values.get("train") or values.get("dataset") or values.get("name") or ""
        files = ", ".join(map(str, train)) if isinstance(train, list | tuple) else str(train)
        rows.append([plain(name), values["format"], plain(files)])
    return ["## Trained on", "", *table(["source", "format", "files or name"], rows)]
