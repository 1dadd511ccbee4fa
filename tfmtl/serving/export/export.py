"""Exports a run as a SavedModel that takes raw strings."""

import logging
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat, zip_longest
from pathlib import Path
from typing import Literal

import keras
import tensorflow as tf

from tfmtl.config.experiment import Experiment
from tfmtl.core.atomic_write import sync
from tfmtl.core.errors import RunError, UserError, nearest, reason_of
from tfmtl.core.lock import contents, locked
from tfmtl.data.streams import Examples, Stream, load_streams, tasks_with_split
from tfmtl.data.units_by_task import units_by_task
from tfmtl.generation.reader import Reader, tasks_by_reading
from tfmtl.kinds.task import answered
from tfmtl.models.network import Network
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader, read_evaluation
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.description import Description, is_version, versions_in
from tfmtl.serving.export.model_card import EVALUATED, Quantization, write_model_card
from tfmtl.serving.export.ops import foreign_ops, read_graph
from tfmtl.serving.export.parity import check_parity, probe_texts
from tfmtl.serving.export.quantization import loss_by_quantization, quantized
from tfmtl.serving.export.served_task import ServedTask, served_tasks
from tfmtl.serving.export.signatures import ALL_TASKS, GraphFunction, signatures, trace
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES, write_warmup
from tfmtl.training.validation_scorer import make_scorer

_logger = logging.getLogger("tfmtl")
WarmupTexts = Literal["made-up", "validation"]
"""Where the texts of an export's warm-up requests come from."""

_UNFINISHED = ".unfinished-"


def export_run(
    run: RunFolder,
    to: Path | None = None,
    quantize: str | None = None,
    *,
    encoder_only: bool = False,
    tasks: Collection[str] | None = None,
    warmup_texts: WarmupTexts = "made-up",
) -> Path:
    """Exports a run's best model as the next version of a SavedModel.

    It is written to a temporary folder, compared with the model, and only then given its number: a server that watches
    the folder never sees an unfinished version.

    Args:
        run: a run with a finished epoch.
        to: the export's folder; `None` means `saved_models/<name>`.
        quantize: one of `QUANTIZATIONS`, which makes the weights smaller; `None` leaves them as they are.
        encoder_only: whether tasks with a decoder are left out.
        tasks: the names of the tasks that the export answers; `None` means all.
        warmup_texts: the texts of the requests that warm a server up: `made-up` ones, or texts of the `validation`
            split, which whoever has the export can then read.

    Returns:
        The directory of the new version.

    Raises:
        UserError: if there is no such task.
        RunError: if the folder contains anything but versions of this export, or cannot be written.
        RuntimeError: if the export's answers differ from the model's; nothing is left behind then.
    """
    experiment = experiment_of(run)
    exported = _exported_tasks(experiment, encoder_only, tasks)
    folder = Path(to) if to is not None else Path("saved_models") / experiment.name
    description = Description.of(experiment.name, exported)
    _check_folder(folder, description)
    description.warn_of_stock_servers()
    with locked(folder):
        return _export(run, folder, description, quantize, warmup_texts)


def _export(
    run: RunFolder, folder: Path, description: Description, quantize: str | None, warmup_texts: WarmupTexts
) -> Path:
    """Exports a run into a folder that this process holds; see `export_run`."""
    experiment, exported = experiment_of(run), description.tasks
    # The model card quotes these; reading them now reports damage before an export that takes minutes.
    for split in filter(lambda split: run.evaluation(split).is_file(), EVALUATED):
        read_evaluation(run, split)
    reader = load_reader(run)
    reader.model.network.merge_updates()
    description = description.model_copy(update={"readings": _readings(reader.model.network, experiment, exported)})
    # A run from elsewhere names the files that are read here.
    streams = _validation_streams(experiment) if quantize or warmup_texts == "validation" else []
    quantization = None
    if quantize:
        trained, reader = reader, quantized(reader, quantize)
        measured = [replace(s, tasks=tuple(task for task in s.tasks if task.name in exported)) for s in streams]
        quantization = Quantization(quantize, _losses((trained, reader), measured, experiment))
    try:
        with _unfinished(folder) as unfinished:
            functions = _functions(reader, exported)
            _write_saved_model(functions, reader.tokenizer, unfinished)
            description.write(unfinished)
            write_model_card(unfinished, run, description, quantization)
            rows = _rows(streams if warmup_texts == "validation" else [], reader)
            write_warmup(unfinished, experiment.name, exported, rows)
            check_parity(unfinished, functions[ALL_TASKS], probe_texts(reader.tokenizer))
            sync(unfinished)
            version = unfinished.rename(folder / str(max(versions_in(folder), default=0) + 1))
            sync(folder)
            return version
    except (OSError, tf.errors.OpError) as error:
        raise RunError(f"{folder}: cannot be written: {reason_of(error)}") from None


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Yields where a version is written before it gets its number, and removes what is left there."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        _logger.info("%s: left by an export that was interrupted; removed", left)
        shutil.rmtree(left)
    # Inside the folder, so that the renaming stays within one file system, even if the folder is a mount.
    with tempfile.TemporaryDirectory(dir=folder, prefix=_UNFINISHED) as aside:
        yield Path(aside) / "export"


def _exported_tasks(
    experiment: Experiment, encoder_only: bool, names: Collection[str] | None = None
) -> dict[str, ServedTask]:
    tasks = served_tasks(experiment, answered(experiment.tasks))
    for name in names or ():
        if name not in tasks:
            raise UserError(f"export: there is no task '{name}'; {nearest(name, tasks)}")
    tasks = {name: task for name, task in tasks.items() if names is None or name in names}
    if encoder_only:
        tasks = {name: task for name, task in tasks.items() if not task.generates}
    if not tasks:
        raise RunError(f"{experiment.name}: every such task writes summaries: nothing is left without a decoder")
    return tasks


def _readings(network: Network, experiment: Experiment, exported: Collection[str]) -> int:
    """Returns how often the trunk reads a text, or a pair, to answer the exported tasks."""
    times = {True: 0, False: 0}
    units = units_by_task(experiment.tasks.values())
    for (is_pair, _), members in tasks_by_reading(experiment.tasks, units, exported).items():
        times[is_pair] += network.readings(len(members))
    return max(times.values())


def _losses(readers: Sequence[Reader], streams: Sequence[Stream], experiment: Experiment):
    """Returns the validation metrics before and after quantization."""
    if not streams:
        raise RunError("the cost of quantization cannot be measured without the validation split; restore its files")
    before, after = (make_scorer(reader, streams, experiment)()[1] for reader in readers)
    return loss_by_quantization(before, after)


def _functions(reader: Reader, tasks: Mapping[str, ServedTask]) -> dict[str, GraphFunction]:
    """Returns the graph of each signature; signatures that answer the same tasks share one."""
    named = signatures(tasks)
    graphs = {names: trace(reader, tasks, names) for names in dict.fromkeys(named.values())}
    return {signature: graphs[names] for signature, names in named.items()}


def _write_saved_model(functions: Mapping[str, GraphFunction], tokenizer, path: Path) -> None:
    archive = keras.export.ExportArchive()
    # Variables are found in the graphs; the tokenizer's resource is not.
    archive.track(tokenizer.layer)
    for name, function in functions.items():
        archive.add_endpoint(name, function)
    archive.write_out(str(path), verbose=False)
    foreign = sorted(foreign_ops(read_graph(path)))
    if foreign:
        _logger.warning(
            "the graph has ops that no other export has (%s): `tfmtl serve` and `predict` need --allow-op for each",
            ", ".join(foreign),
        )


def _validation_streams(experiment: Experiment) -> Sequence[Stream]:
    """Returns the streams with their validation splits, or none if the files are gone."""
    try:
        tasks = tasks_with_split(experiment, "validation")
        streams, _ = load_streams(experiment.model_copy(update={"tasks": tasks}), ("validation",))
    except UserError as error:
        _logger.warning("the warm-up requests use made-up texts, because the validation split is missing: %s", error)
        return []
    return streams


def _rows(streams: Sequence[Stream], reader: Reader) -> list[tuple[str, str]]:
    """Returns texts and pairs like those that the export will be asked about."""
    if not streams:
        texts = [text.decode("utf-8", "replace") for text in probe_texts(reader.tokenizer)]
        return list(zip(texts, [*texts[1:], *texts[:1]], strict=True))
    _logger.info("the warm-up requests hold texts of the validation split: whoever has the export can read them")
    # From each stream in turn, so that few rows represent all of them.
    pairs = [zip(*_columns(stream.splits["validation"]), strict=False) for stream in streams]
    return [row for rows in zip_longest(*pairs) for row in rows if row is not None][: max(ALLOWED_BATCH_SIZES)]


def _columns(examples: Examples) -> tuple[Iterable[str], Iterable[str]]:
    return examples.text, repeat("") if examples.text_pair is None else examples.text_pair


def _check_folder(folder: Path, description: Description) -> None:
    """Raises `RunError` if the folder contains something other than versions of this export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RunError(f"{folder}: this is a file, not the folder of an export; choose another by 'to'")
    for path in sorted(contents(folder)):
        if path.name.startswith(_UNFINISHED):
            continue
        if not is_version(path):
            raise RunError(f"{folder}: '{path.name}' is not a version of an export; choose another folder by 'to'")
        _check_version(folder, Description.read(path), description)


def _check_version(folder: Path, found: Description, wanted: Description) -> None:
    if found.name != wanted.name:
        raise RunError(f"{folder}: holds the export of '{found.name}', not of '{wanted.name}'; choose another by 'to'")
    kinds = [{name: (task.kind, task.pair) for name, task in side.tasks.items()} for side in (found, wanted)]
    if kinds[0] != kinds[1]:
        raise RunError(
            f"{folder}: holds an export of other tasks ({', '.join(found.tasks)}), which its clients rely on; "
            "choose another by 'to'"
        )
