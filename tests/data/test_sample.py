import numpy as np

from tests.kinds.made_up import objects
from tfmtl.data import sample
from tfmtl.data.streams import Examples
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.summarization.options import Summarization


def test_a_sample_is_spread_evenly_and_has_each_row_once(monkeypatch):
    examples = Examples(objects([str(row) for row in range(9)]), None, {})
    assert sample.sampled(examples).text.tolist() == examples.text.tolist()
    monkeypatch.setattr(sample, "SAMPLE", 3)
    assert sample.sampled(examples).text.tolist() == ["0", "4", "8"]


def test_of_several_references_the_first_is_learned_and_labels_are_no_texts():
    title, topic = Summarization(name="title", source="s"), Classification(name="topic", source="s", labels=("a", "b"))
    targets = {"title": objects([("a", "b"), (), ("c",)]), "topic": np.zeros(3, np.int32)}
    examples = Examples(objects(["x", "y", "z"]), None, targets)
    assert sample.target_texts(title, examples) == ["a", "c"]
    assert sample.target_texts(topic, examples) == []
