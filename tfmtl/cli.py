"""The commands, each of which calls one function of the package and prints its result."""

import functools
import importlib.metadata
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperCommand

from tfmtl.config.catalogue import GROUPS, as_text
from tfmtl.core.atomic_write import OF_DISK
from tfmtl.core.errors import UserError, reason_of
from tfmtl.core.messages import VisibleFormatter, visible
from tfmtl.core.quiet_tensorflow import import_tensorflow
from tfmtl.core.whole_number import whole_number

app = typer.Typer(
    name="tfmtl",
    help="Multi-task text models: one Keras model that reads a text once, classifies it and writes its summary.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


class _Command(TyperCommand):
    """A command that loads TensorFlow only after parsing its arguments, so that `--help` does not wait for it."""

    def invoke(self, ctx):
        try:
            import_tensorflow()
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # The reader of the answers has gone. Typer would treat the error as a failure.
            _discard_output()
            sys.exit(128 + signal.SIGPIPE)
        except KeyboardInterrupt:
            _fail("interrupted; a training goes on from its last checkpoint when it is started again", 130)
        except OSError as error:
            if error.filename is not None or error.errno not in OF_DISK:
                raise
            _discard_output()
            raise UserError(f"the output cannot be written: {error.strerror}") from None


def _discard_output() -> None:
    """Discards the output that Python would still flush at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("tfmtl"))
        raise typer.Exit()


@app.callback()
def _tfmtl(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None: ...


command = functools.partial(app.command, cls=_Command)

AllowedOps = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-op", metavar="NAME", help="An op that an export may have, besides usual ones; if you trust it."
    ),
]

# The base of all usage errors; typer exports only its subclasses.
_UsageError = typer.BadParameter.__base__


@command()
def train(
    config: Annotated[Path, typer.Argument(help="The experiment, a YAML file.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as training.epochs=2; may be repeated."),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The run's folder; runs/<name> by default.")] = None,
    alone: Annotated[
        bool, typer.Option("--single-tasks", help="Train each task alone instead, as runs/<name>-<task>.")
    ] = False,
    seeds: Annotated[
        str | None, typer.Option(metavar="0,1,2", help="Train once with each seed, as runs/<name>-seed<seed>.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="RUN", help="Begin with another run's weights, wherever they fit.")
    ] = None,
) -> None:
    """Train an experiment; run it again to resume an interrupted training."""
    from tfmtl.api.train import train
    from tfmtl.config.variants import single_tasks, with_seeds
    from tfmtl.config.yaml_file import load_experiment

    if run and (alone or seeds is not None):
        raise UserError("train: --run names the folder of one run; --single-tasks and --seeds make several")
    settings = [*(settings or []), *([f"training.start_from={json.dumps(start)}"] if start else [])]
    experiments = [load_experiment(config, settings)]
    if alone:
        experiments = [variant for experiment in experiments for variant in single_tasks(experiment)]
    if seeds is not None:
        experiments = [variant for experiment in experiments for variant in with_seeds(experiment, _numbers(seeds))]
    for experiment in experiments:
        print(f"trained: {train(experiment, run).path}", flush=True)


def _numbers(text: str | None) -> list[int]:
    """Returns the comma-separated numbers; none if there is no text."""
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    numbers = [number for number in map(whole_number, parts) if number is not None]
    if len(set(numbers)) < len(parts):
        raise UserError(f"--seeds {text[:40]}: expected different whole numbers with commas between, such as 0,1,2")
    return numbers


@command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    split: Annotated[str | None, typer.Option(help="The split to evaluate; test by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write the evaluation as JSON.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A labelled file in the format of the training, not a split.")
    ] = None,
) -> None:
    """Evaluate a run's best model on a split, or on a file."""
    from tfmtl.api.evaluate import evaluate

    evaluation = evaluate(run, split, output, data)
    for task, metrics in evaluation["tasks"].items():
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if isinstance(value, float))
        print(f"{task}: {shown}  ({metrics['examples']} examples)")


@command()
def predict(
    model: Annotated[
        Path | None, typer.Argument(metavar="RUN_OR_EXPORT", help="The folder of a run or of an export.")
    ] = None,
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts, instead of --input.")] = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Ask a server by gRPC; TensorFlow Serving needs the export named too."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--input", help="JSON lines, CSV, TSV or Parquet; JSON lines on standard input else.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write; the standard output by default.")] = None,
    encoding_errors: Annotated[
        Literal["strict", "replace"], typer.Option(help="How to read bytes that are not UTF-8: as errors or as U+FFFD.")
    ] = "strict",
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="The field with the text, or several; by default as in the training."),
    ] = None,
    carried: Annotated[
        str | None, typer.Option("--id", metavar="NAME", help="A field that each answer repeats.")
    ] = None,
    on_error: Annotated[
        Literal["stop", "report"], typer.Option(help="Stop at a bad row, or write its error in its place and go on.")
    ] = "stop",
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say which words speak for labels and scores; one reading a word.")
    ] = False,
    allowed_ops: AllowedOps = None,
) -> None:
    """Answer every task about texts, as JSON lines in their order."""
    from tfmtl.core.parts import check_output
    from tfmtl.serving.prediction.explain import ExplainingPredictor
    from tfmtl.serving.prediction.fields import TextFields
    from tfmtl.serving.prediction.predict import arrived_windows, full_windows, predict
    from tfmtl.serving.prediction.predictor import open_predictor
    from tfmtl.serving.prediction.rows import Row, read_records, rows_of

    if server is not None and model and not model.is_dir():
        texts, model = [str(model), *(texts or [])], None
    if server is None and not model:
        raise UserError("predict: name a run or an export, or a server by --server HOST:PORT")
    if texts and (field or carried):
        raise UserError("predict: --field and --id are for rows with fields, not for texts as arguments")
    if output:
        check_output(output, source)
    if texts and source:
        raise UserError("predict: texts and --input are given; choose one")
    if not texts and not source and sys.stdin.isatty():
        raise UserError("predict: no texts; give them as arguments, by --input FILE.jsonl, or on the standard input")
    records = None if texts else read_records(source or "-", encoding_errors)
    predictor = _remote_predictor(server, model) if server is not None else open_predictor(model, allowed_ops or [])
    if carried in predictor.tasks:
        raise UserError(f"predict: --id {carried}: this is the name of a task, whose answer would replace it")
    predictor = ExplainingPredictor(predictor) if explain else predictor
    fields = TextFields.of(predictor.tasks)
    fields = fields.only(*field) if field else fields
    rows = map(Row, texts) if texts else rows_of(records, fields, carried, on_error)
    predict(predictor, rows, output, full_windows if texts or source else arrived_windows, on_error)


def _remote_predictor(server: str, export: Path | None):
    try:
        from tfmtl.serving.prediction.remote import remote_predictor
    except ModuleNotFoundError as error:
        raise UserError(f"predict: the package '{error.name}' is missing; install 'tfmtl[serve]'") from None
    from tfmtl.serving.export.description import Description, newest_version

    return remote_predictor(server, Description.read(newest_version(export)) if export else None)


@command()
def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    to: Annotated[Path | None, typer.Option(help="The export's folder; saved_models/<name> by default.")] = None,
    serving_config: Annotated[
        Path | None, typer.Option(help="Where to write configurations of TensorFlow Serving, Docker and Kubernetes.")
    ] = None,
    quantize: Annotated[
        Literal["int8", "bfloat16"] | None, typer.Option(help="Smaller weights; the model card says at what cost.")
    ] = None,
    encoder_only: Annotated[bool, typer.Option("--encoder-only", help="Leave out the tasks with a decoder.")] = False,
    tasks: Annotated[str | None, typer.Option(metavar="A,B", help="The tasks to export; all by default.")] = None,
    warmup_texts: Annotated[
        Literal["made-up", "validation"],
        typer.Option(help="Texts of warm-up requests; those of validation can be read by whoever has the export."),
    ] = "made-up",
) -> None:
    """Export a run's best model as the next version of a SavedModel that takes raw strings."""
    from tfmtl.api.export import export
    from tfmtl.core.atomic_write import check_folder
    from tfmtl.core.parts import check_output_folder
    from tfmtl.serving.export.server_config import write_server_config

    if serving_config:
        check_folder(serving_config)
        check_output_folder(serving_config)
    chosen = [name.strip() for name in tasks.split(",")] if tasks else None
    options = {"quantize": quantize, "encoder_only": encoder_only, "tasks": chosen, "warmup_texts": warmup_texts}
    version = export(run, to, **options)
    print(f"exported: {version}")
    if serving_config:
        print(f"configured: {write_server_config(version.parent, serving_config)}")


@command()
def serve(
    model: Annotated[Path, typer.Argument(metavar="EXPORT", help="The folder of an export, or of one version of it.")],
    rest_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of REST and the page; 0 is any free port.")
    ] = 8501,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="The port of gRPC; 0: any free one.")] = 8500,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name that clients call the server by; may be repeated."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows to answer together; 1 turns this off.")] = 64,
    batch_delay: Annotated[float, typer.Option(min=0, help="Seconds for which a request waits for others.")] = 0.005,
    max_enqueued_rows: Annotated[int, typer.Option(min=1, help="Waiting rows; more are refused with 503.")] = 4096,
    max_request_bytes: Annotated[int, typer.Option(min=1024, help="The size limit of a body.")] = 4 * 1024**2,
    max_pending_bytes: Annotated[
        int,
        typer.Option(min=1024, help="The size of all requests that are not answered; beyond it the largest give way."),
    ] = 64 * 1024**2,
    max_connections: Annotated[int, typer.Option(min=1, help="REST connections, and gRPC calls under way.")] = 512,
    request_seconds: Annotated[float, typer.Option(min=0.001, help="The time limit of a request.")] = 60.0,
    send_seconds: Annotated[float, typer.Option(min=0.001, help="The time limit to take an answer.")] = 20.0,
    versions: Annotated[int, typer.Option(min=1, help="The number of newest versions to serve.")] = 1,
    allowed_ops: AllowedOps = None,
) -> None:
    """Serve an export over TensorFlow Serving's REST and gRPC interfaces, and a page to try it."""
    try:
        from tfmtl.serving.server.options import ServerOptions
        from tfmtl.serving.server.serve import Address, serve
    except ModuleNotFoundError as error:
        raise UserError(f"serve: the package '{error.name}' is missing; install 'tfmtl[serve]'") from None
    from tfmtl.core.validation import validate

    limits = {
        "allowed_hosts": allowed_host or [],
        "allowed_ops": allowed_ops or [],
        "batch_size": batch_size,
        "batch_delay": batch_delay,
        "max_enqueued_rows": max_enqueued_rows,
        "max_request_bytes": max_request_bytes,
        "max_pending_bytes": max_pending_bytes,
        "max_connections": max_connections,
        "request_seconds": request_seconds,
        "send_seconds": send_seconds,
        "versions": versions,
    }
    serve(model, Address(host, rest_port, grpc_port), validate(ServerOptions, limits, "serve"))


@command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders of runs, or experiments to train first; others are compared with the first.",
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="A folder for the comparison with its plots and as JSON.")] = None,
    split: Annotated[str, typer.Option(help="The split on which they are compared.")] = "test",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of each experiment.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--single-tasks", help="Also train the tasks of the first experiment alone.")
    ] = False,
    seeds: Annotated[
        str | None, typer.Option(metavar="0,1,2", help="Train each experiment once with each seed.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Whether to include simple baselines.")
    ] = True,
) -> None:
    """Compare runs on the same rows: metrics, costs, gains over single tasks, and the significance of differences."""
    from tfmtl.api.compare import compare, train_systems
    from tfmtl.core.atomic_write import check_folder
    from tfmtl.core.parts import check_output_folder
    from tfmtl.reports.comparison.report import as_markdown

    if output is not None:
        check_folder(output)
        check_output_folder(output)
    trained = train_systems(runs, settings or [], single_tasks=alone, seeds=_numbers(seeds), split=split)
    print(as_markdown(compare(trained, output, split, baselines=baselines)))


@command()
def adapt(
    run: Annotated[Path, typer.Argument(help="The folder of a trained run.")],
    config: Annotated[Path, typer.Argument(help="The new tasks and their sources, a YAML file.")],
    shots: Annotated[int | None, typer.Option(min=1, help="Rows of each label to learn from; all by default.")] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="0,1,2", help="Draw the rows once with each seed, as runs/<name>-seed<seed>.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as adapt.method=probe; may be repeated."),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The adapted run's folder; runs/<name> by default.")] = None,
) -> None:
    """Teach a trained run new tasks, or new labels, from few rows; its old tasks answer as before."""
    from tfmtl.api.adapt import adapt
    from tfmtl.config.adaptation import load_adaptation
    from tfmtl.reports.adaptation import as_markdown

    numbers = None if seeds is None else _numbers(seeds)
    adapted = adapt(run, load_adaptation(config, settings or []), shots, numbers, to)
    print(as_markdown(adapted.scores))
    for folder in adapted.runs:
        print(f"adapted: {folder.path}")


@command()
def affinity(
    config: Annotated[Path, typer.Argument(help="The experiment, a YAML file.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The run's folder; runs/<name>-affinity by default.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Updates between two measurements.")] = 10,
    models: Annotated[int, typer.Option(min=1, help="The maximum number of proposed groups.")] = 2,
) -> None:
    """Train an experiment and measure how its tasks help or hurt each other; propose groups to train together."""
    from tfmtl.api.affinity import affinity
    from tfmtl.config.yaml_file import load_experiment
    from tfmtl.reports.affinity.report import as_markdown

    print(as_markdown(*affinity(load_experiment(config, settings or []), run, every, models)))


@command("list")
def list_group(group: Annotated[str | None, typer.Argument(help=f"One of {', '.join(GROUPS)}.")] = None) -> None:
    """List what a configuration can name, with options and their defaults."""
    if group is None:
        raise UserError(f"list: name one of {', '.join(GROUPS)}")
    print(as_text(group))


def main(arguments: list[str] | None = None) -> None:
    """Runs a command line and exits: 0 for success, 2 for a user's error, 130 if interrupted, 1 for a failure.

    SIGTERM interrupts as SIGINT does; `tfmtl serve` takes both as a request to stop.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("tfmtl").setLevel(logging.INFO)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(app(args=arguments or ["--help"], standalone_mode=False))
    except UserError as error:
        _fail(str(error), 2)
    except _UsageError as error:
        _fail(error.format_message(), 2)
    except OSError as error:
        # The system's error about a path that the user named, such as one that is too long.
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {reason_of(error)}", 2)


def _fail(message: str, code: int) -> None:
    print(f"error: {visible(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
