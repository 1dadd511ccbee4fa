"""The commands; each calls one function of the package and prints what it returns."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tfmtl.errors import UserError

app = typer.Typer(
    name="tfmtl",
    help="Multi-task text models: one Keras model that reads a text once, classifies it and writes its summary.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="The experiment, a YAML file.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as training.epochs=2; may be repeated."),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The run's folder; runs/<name> by default.")] = None,
) -> None:
    """Train an experiment; run it again to go on where it was interrupted."""
    from tfmtl.config import load_experiment
    from tfmtl.experiment import train

    folder = train(load_experiment(config, settings or []), run)
    print(f"trained: {folder.path}")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    split: Annotated[str, typer.Option(help="The split to evaluate.")] = "test",
    output: Annotated[Path | None, typer.Option(help="Where to write the evaluation as JSON.")] = None,
) -> None:
    """Evaluate a run's best model on a split."""
    from tfmtl.experiment import evaluate

    evaluation = evaluate(run, split, output)
    for task, metrics in evaluation["tasks"].items():
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if isinstance(value, float))
        print(f"{task}: {shown}  ({metrics['examples']} examples)")


def main(arguments: list[str] | None = None) -> None:
    """Runs a command line; exits with 0, with 2 on what the user can mend, with 1 on a failure."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("tfmtl").setLevel(logging.INFO)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app(args=arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
