"""A pretrained encoder through the command line: trained, exported, and asked without its preset."""

import json
import shutil

import pytest

from tests.presets import save_preset
from tfmtl.cli import main


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


# What a language model is told, and what is trained of it.
TOLD = (
    'model.encoder.lora={"rank": 2, "base": "int8"}',
    "tasks.subject.label_words=true",
    "tasks.subject.instruction=which",
    "tasks.title.instruction=the title",
)
# What experts behind a pretrained trunk read is what it has made, whatever it is.
EXPERTS = {name: (f"model.sharing.type={name}",) for name in ("mmoe", "ple")}
INSIDE = ("model.sharing.type=adapters", "model.sharing.bottleneck=4")
# Most texts are longer than a window.
WINDOWS = ("model.encoder.max_length=12", "model.encoder.text_overflow=windows", "model.encoder.windows=4")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("bert", (*EXPERTS["mmoe"], *WINDOWS)),
        ("gpt2", TOLD),
        # Every family is trained, and writes, in the tests of `models/`.
        *(
            pytest.param(*case, marks=pytest.mark.large)
            for case in (("gpt2", EXPERTS["ple"]), ("bert", INSIDE), ("albert", ()), ("bart", ()), ("t5", ()))
        ),
    ],
    ids=["bert-mmoe-windows", "gpt2-told", "gpt2-ple", "bert-adapters", "albert", "bart", "t5"],
)
def test_a_run_and_an_export_need_the_preset_no_more(family, settings, configure, tmp_path, capsys):
    folder = save_preset(family, tmp_path / "preset", num_layers=1)
    encoder = {"type": "preset", "preset": str(folder), "max_length": 40, "layer_decay": 0.9, "decoder_heads": 2}
    config = configure(
        sources={"pairs": None},
        tasks={"goodness": None},
        model={"encoder": None, "decoder": {"layers": 1}},
        tokenizer=None,
        training={"epochs": 1},
    )
    settings = (f"model.encoder={json.dumps(encoder)}", *settings)
    run("train", config, "--run", tmp_path / "run", *(f"--set={setting}" for setting in settings))
    shutil.rmtree(folder)
    # What is exported is compared with the run's own answers.
    run("export", tmp_path / "run", "--to", tmp_path / "export")
    capsys.readouterr()
    run("predict", tmp_path / "export", "the river of with many stormy old")
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"subject", "title"}
    assert sum(answer["subject"]["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
