from pathlib import Path

import pytest

from tfmtl.config.experiment import parse
from tfmtl.data.streams import load_streams

DATA = Path("../shared/data/scitldr")


def experiment(folder):
    names = {"train": "train", "validation": "dev", "test": "test"}
    paths = {split: f"{folder}/{name}.jsonl" for split, name in names.items()}
    return parse({"tasks": {"tldr": {"preset": "scitldr", "source": paths}}})


def test_paths_can_be_overridden():
    assert experiment("x").sources["scitldr"].options.validation == ("x/dev.jsonl",)


def test_sentences_are_joined_and_each_target_is_a_reference(tmp_path):
    row = '{"source": ["A first.", "A second."], "target": ["One.", "Two."]}\n'
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text(row)
    (stream,), _ = load_streams(experiment(tmp_path))
    assert stream.splits["test"].text.tolist() == ["A first. A second."]
    assert stream.splits["test"].targets["tldr"].tolist() == [("One.", "Two.")]


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the dataset is not here")
def test_the_published_number_of_papers():
    (stream,), _ = load_streams(experiment(DATA))
    assert [len(stream.splits[split]) for split in ("train", "validation", "test")] == [1992, 619, 618]
