"""What people should know of an export: a page beside the graph."""

import json
from pathlib import Path

from tfmtl.serving.description import Description
from tfmtl.serving.signatures import signatures
from tfmtl.training.run_folder import RunFolder

CARD_FILE = "model_card.md"
_LABELS_SHOWN = 20


def write_model_card(export: Path, run: RunFolder, description: Description) -> None:
    """Writes `model_card.md`: tasks, how they were measured, what made the model, how it is asked.

    Args:
        export: the directory of one version.
        run: that it was made from; its evaluations of validation and test are quoted where it has them.
        description: of the export.
    """
    lines = [f"# {description.name}", "", "One model that answers every task below about a text.", ""]
    lines += _tasks(description)
    for split in ("test", "validation"):
        if run.evaluation(split).is_file():
            lines += _metrics(split, json.loads(run.evaluation(split).read_text(encoding="utf-8"))["tasks"])
    lines += _signatures(description)
    made = ", ".join(f"{package} {version}" for package, version in description.versions.items())
    lines += ["## Made with", "", f"{made}.", "", *_training(run)]
    (export / CARD_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _tasks(description: Description) -> list[str]:
    lines = ["## Tasks", "", "| task | kind | reads | labels |", "| --- | --- | --- | --- |"]
    for name, task in description.tasks.items():
        shown = [*map(_cell, task.labels[:_LABELS_SHOWN])]
        if len(task.labels) > _LABELS_SHOWN:
            shown.append(f"and {len(task.labels) - _LABELS_SHOWN} more")
        lines.append(f"| {name} | {task.kind} | {'two texts' if task.pair else 'a text'} | {', '.join(shown)} |")
    return [*lines, ""]


def _metrics(split: str, tasks: dict) -> list[str]:
    lines = [
        f"## On {split}",
        "",
        "| task | metric | value | 95 % interval | examples |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, metrics in tasks.items():
        for metric, (low, high) in metrics["intervals"].items():
            value, interval = f"{metrics[metric]:.4f}", f"{low:.4f} to {high:.4f}"
            lines.append(f"| {name} | {metric} | {value} | {interval} | {metrics['examples']} |")
    return [*lines, ""]


def _signatures(description: Description) -> list[str]:
    lines = ["## Signatures", "", "| signature | answers |", "| --- | --- |"]
    lines += [f"| `{name}` | {', '.join(answered)} |" for name, answered in signatures(description.tasks).items()]
    return [*lines, ""]


def _training(run: RunFolder) -> list[str]:
    """What the model has seen: its answers to other texts than such are not measured here."""
    experiment = run.experiment()
    lines = ["## Trained on", "", "| source | format | files or name |", "| --- | --- | --- |"]
    for name, source in experiment.sources.items():
        values = source.as_mapping()
        train = values.get("train") or values.get("dataset") or values.get("name") or ""
        shown = ", ".join(map(str, train)) if isinstance(train, list | tuple) else str(train)
        lines.append(f"| {name} | {values['format']} | {_cell(shown)} |")
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
