import importlib.metadata
import os
import signal
import subprocess
import sys

import pytest

from tfmtl.cli import main
from tfmtl.config import catalogue


def run(arguments: list[str], capsys) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    captured = capsys.readouterr()
    return exit_.value.code or 0, captured.out, captured.err


@pytest.mark.parametrize("group", catalogue.GROUPS)
def test_list_prints_the_table_of_a_group(group, capsys):
    assert run(["list", group], capsys) == (0, catalogue.as_text(group) + "\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "shedules"], "there is no list of 'shedules'; did you mean 'schedules'?"),
        (["list"], "list: name one of "),
        (["predict", "--server", "localhost:99999", "a text"], "localhost:99999: expected HOST:PORT"),
        (["predict", "--server", "localhost:²", "a text"], "localhost:²: expected HOST:PORT"),
        (["predict", "--server", f"localhost:{'1' * 5000}", "a text"], f"localhost:{'1' * 50}: expected HOST:PORT"),
        (["predict", "--server", "localhost", "a text"], "localhost: expected HOST:PORT"),
        (["predict", "runs/a", "a text", "--input", "b.jsonl"], "texts and --input are given; choose one"),
        (["predict", "runs/a", "a text", "--id", "n"], "--field and --id are for rows with fields, not for texts"),
        (["predict", "no/such/folder", "a text"], "no/such/folder: there is no such run or export folder"),
        (["export", "no/such/folder"], "no/such/folder: there is no such run folder"),
        (["compare", "no/such/folder", "b"], "no/such/folder: there is no such run folder"),
        (["train", "configs/pydocs.yaml", "--seeds", "0,x"], "--seeds 0,x: expected different whole numbers"),
        (["train", "configs/pydocs.yaml", "--seeds", "²"], "--seeds ²: expected different whole numbers"),
        (["train", "configs/pydocs.yaml", "--seeds", "1" * 5000], f"--seeds {'1' * 40}: expected different whole"),
        (["train", "configs/pydocs.yaml", "--seeds", "1,1"], "--seeds 1,1: expected different whole numbers"),
        (["train", "configs/pydocs.yaml", "--seeds", ""], "--seeds : expected different whole numbers"),
        (["train", "a.yaml", "--seeds", "1", "--run", "b"], "--run names the folder of one run"),
        (["train", "configs/pydocs.yaml", "--run", 300 * "x"], f"{300 * 'x'}/config.yaml: File name too long"),
        (["adapt", "no/such/folder", "a.yaml"], "a.yaml: there is no such file"),
        (["adapt", "no/such/folder", "configs/adapt/agnews.yaml"], "no/such/folder: there is no such run folder"),
        (
            ["adapt", "a", "configs/adapt/agnews.yaml", "--seeds", "0,0"],
            "--seeds 0,0: expected different whole numbers",
        ),
        (["adapt", "a", "configs/agnews.yaml"], "tokenizer: an adaptation takes this section from the run"),
        (["predict", "--server", "", "a text"], ": expected HOST:PORT"),
        (["export", "a", "--serving-config", "setup.cfg"], "setup.cfg: this is a file, not a folder"),
        (["serve", "a", "--batch-delay", "inf"], "serve.batch_delay: input should be a finite number, found inf"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_code_2(arguments, said, capsys):
    code, out, error = run(arguments, capsys)
    assert (code, out) == (2, "")
    assert error.startswith("error: ") and error.count("\n") == 1
    assert said in error


def test_the_version_is_that_of_the_distribution(capsys):
    assert run(["--version"], capsys) == (0, importlib.metadata.version("tfmtl") + "\n", "")


def test_who_reads_no_further_is_no_failure():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        command = [sys.executable, "-m", "tfmtl.cli", "list", "tasks"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "predict", "export", "serve", "compare", "affinity", "adapt", "list"]
)
def test_every_command_has_help(command, capsys):
    code, out, _ = run([command, "--help"], capsys)
    assert code == 0 and command in out
