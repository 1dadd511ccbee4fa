"""GLUE (Wang et al. 2018, https://arxiv.org/abs/1804.07461), read from TensorFlow Datasets.

The labels of GLUE's test splits are not public. Therefore `test` is the official development set, which papers report,
and validation rows are cut from the training split.

The labels are in the order of TensorFlow Datasets: the second label of a binary task is its positive class.
"""

from collections.abc import Callable
from typing import Any

from tfmtl.core.registry import PRESETS

_SENTENCE = {"text": "sentence"}
_SENTENCES = {"text": "sentence1", "text_pair": "sentence2"}
_ENTAILMENT = ["entailment", "not_entailment"]

_TASKS: dict[str, dict[str, Any]] = {
    "cola": {**_SENTENCE, "labels": ["unacceptable", "acceptable"], "primary": "matthews"},
    "sst2": {**_SENTENCE, "labels": ["negative", "positive"], "primary": "accuracy"},
    "mrpc": {**_SENTENCES, "labels": ["not_equivalent", "equivalent"], "metrics": ["f1"], "primary": "f1"},
    "qqp": {
        "text": "question1",
        "text_pair": "question2",
        "labels": ["not_duplicate", "duplicate"],
        "metrics": ["f1"],
        "primary": "f1",
    },
    "mnli": {
        "text": "premise",
        "text_pair": "hypothesis",
        "labels": ["entailment", "neutral", "contradiction"],
        "primary": "accuracy",
    },
    "qnli": {"text": "question", "text_pair": "sentence", "labels": _ENTAILMENT, "primary": "accuracy"},
    "rte": {**_SENTENCES, "labels": _ENTAILMENT, "primary": "accuracy"},
    "wnli": {**_SENTENCES, "labels": ["not_entailment", "entailment"], "primary": "accuracy"},
    "stsb": {**_SENTENCES, "kind": "regression", "target": "label", "primary": "spearman"},
}

_SPLITS: dict[str, dict[str, Any]] = {
    "mnli": {"test": "validation_matched", "splits": {"mismatched": "validation_mismatched"}},
}

_TITLES = {
    "cola": "GLUE CoLA: is a sentence acceptable English?",
    "sst2": "GLUE SST-2: is a sentence of a film review positive?",
    "mrpc": "GLUE MRPC: do two news sentences say the same thing?",
    "qqp": "GLUE QQP: do two questions ask the same thing?",
    "mnli": "GLUE MNLI: does a premise entail a hypothesis, contradict it, or do neither? Extra split: mismatched.",
    "qnli": "GLUE QNLI: does a sentence contain the answer to a question?",
    "rte": "GLUE RTE: does a text entail a hypothesis?",
    "wnli": "GLUE WNLI: does a sentence entail another in which its pronoun is resolved?",
    "stsb": "GLUE STS-B: how similar are two sentences, from 0 to 5?",
}


def _preset(name: str) -> Callable[[], dict[str, Any]]:
    def build() -> dict[str, Any]:
        splits = _SPLITS.get(name, {"test": "validation"})
        return {
            "source": {"format": "tfds", "name": f"glue/{name}", "train": "train", **splits},
            "task": {"kind": "classification", **_TASKS[name]},
        }

    build.__doc__ = _TITLES[name]
    return build


for _name in _TASKS:
    PRESETS.register(f"glue/{_name}")(_preset(_name))
