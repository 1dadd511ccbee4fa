import numpy as np
import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.rows import Rows
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.kinds.multi_label.targets import encoded, inferred_label_set


def rows(*values) -> Rows:
    return Rows({"labels": list(values)}, lambda row: f"tags.jsonl:{row + 1}")


def task(**options) -> MultiLabel:
    return MultiLabel(name="tags", source="tickets", **options)


def test_lists_and_texts_become_zeros_and_ones():
    found = encoded(task(label_set=["a", "b", "urgent"]), rows(["a", "urgent"], "b; a", [], ";", None, "  "))
    assert found.dtype == np.int32
    assert found.tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0], [0, 0, 0], [-1, -1, -1], [-1, -1, -1]]


def test_texts_are_split_at_the_separator():
    assert encoded(task(label_set=["a;b", "c"], separator="|"), rows("a;b|c")).tolist() == [[1, 1]]


def test_an_unknown_label_is_named_with_its_place():
    with pytest.raises(DataError, match=r"^tags.jsonl:2: task 'tags' has no label 'urgnt'; did you mean 'urgent'"):
        encoded(task(label_set=["a", "urgent"]), rows(["a"], ["urgnt"]))


def test_what_holds_no_labels_is_named_with_its_place():
    with pytest.raises(DataError, match=r"^tags.jsonl:1: 'labels' of task 'tags' is not a list of labels: "):
        encoded(task(label_set=["a"]), rows([{"a": 1}]))


def test_the_label_set_is_inferred_in_order():
    assert inferred_label_set(task(), rows(["b", "a"], None, "c;a")) == ("a", "b", "c")
    assert inferred_label_set(task(), rows([10, 9], "2")) == ("2", "9", "10")


def test_a_split_without_a_label_is_refused():
    with pytest.raises(DataError, match="no row of the training split has a label in 'labels'"):
        inferred_label_set(task(), rows([], None))


def test_ids_have_names():
    ids = task(names={0: "a", 1: "urgent"}, label_set=["a", "urgent", "x"])
    assert encoded(ids, rows([0, 1.0], "1; x", "0.0")).tolist() == [[1, 1, 0], [0, 1, 1], [1, 0, 0]]
    assert inferred_label_set(task(names={0: "b", 1: "a"}), rows([0], "1")) == ("a", "b")
