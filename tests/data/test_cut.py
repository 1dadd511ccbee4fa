import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import RunError
from tfmtl.data import sample
from tfmtl.data.cut import Cut, cuts, read_cut, write_cut
from tfmtl.data.packing import Packing
from tfmtl.data.streams import Examples, Stream
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.tagging.options import Tagging


class Words:
    """A tokenizer whose pieces are words."""

    def tokenize(self, texts):
        return tf.ragged.map_flat_values(tf.strings.length, tf.strings.split(texts))


WORDS = Words()
TASKS = (
    Classification(name="topic", source="s", labels=("a", "b")),
    Summarization(name="title", source="s", max_length=3),
    Denoising(name="gaps", source="s"),
)


def objects(values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


def stream(lengths, references, pairs=None):
    """Texts of so many words, titles of so many, and second texts of so many."""
    texts = [" ".join(["w"] * length) for length in lengths]
    seconds = None if pairs is None else objects([" ".join(["w"] * length) for length in pairs])
    titles = objects([tuple(" ".join(["w"] * length) for length in row) for row in references])
    targets = {"topic": np.zeros(len(texts), np.int32), "title": titles, "gaps": objects([()] * len(texts))}
    return Stream("s", TASKS, {"train": Examples(objects(texts), seconds, targets)})


def test_texts_and_targets_that_are_too_long_are_counted_with_their_marks():
    # With two marks, 8 and 12 of 4, 6, 8 and 12; with an end mark, 4 of 1, 4 and 3, where the second does not count.
    found = cuts([stream([2, 4, 6, 10], [[0], [3], [2, 9], []])], "train", WORDS, Packing(6))
    assert found == [
        Cut("train texts of source 's'", "model.encoder.max_length", 6, 4, 0.5, 12),
        Cut("train targets of task 'title'", "tasks.title.max_length", 3, 3, pytest.approx(1 / 3), 4),
    ]
    assert str(found[0]) == (
        "50.0 % of 4 train texts of source 's' are longer than model.encoder.max_length (6) and lose their end; "
        "12 would hold 95 %"
    )


def test_nothing_is_said_of_what_fits_and_pairs_have_three_marks():
    short = stream([3, 3], [[2], [2]])
    assert cuts([short], "train", WORDS, Packing(5)) == []
    pair = stream([3, 3], [[2], [2]], pairs=[1, 2])
    (found,) = cuts([pair], "train", WORDS, Packing(7))
    assert (found.share, found.enough) == (0.5, 8)


def test_what_holds_most_is_the_length_of_a_real_text_and_large_streams_are_sampled(monkeypatch):
    lengths = list(range(1, 101))
    (found,) = cuts([stream(lengths, [[1]] * 100)], "train", WORDS, Packing(12))
    # 90 texts have more than 10 words; 95 of 100 have at most 95, and two marks.
    assert (found.rows, found.share, found.enough) == (100, 0.9, 98)
    monkeypatch.setattr(sample, "SAMPLE", 10)
    (found,) = cuts([stream(lengths, [[1]] * 100)], "train", WORDS, Packing(12))
    assert found.rows == 10 and found.share == pytest.approx(0.9, abs=0.11)


def test_texts_that_are_read_by_units_have_the_tokens_of_their_units():
    class Twice(Words):
        def tokenize_units(self, units, spaced):
            return self.tokenize(tf.strings.join([units, units], " "))

    task = Tagging(name="slots", source="s", label_set=("a", "O"))
    examples = Examples(objects(["w w", "w"]), None, {"slots": objects([("a", "O"), ("a",)])})
    (found,) = cuts([Stream("s", (task,), {"train": examples})], "train", Twice(), Packing(5))
    assert (found.share, found.enough) == (0.5, 6)


def test_pairs_in_windows_need_them_all():
    # With a question of 2 tokens, a window has 5 tokens of a context, of which the next one reads one again.
    pair = stream([2, 2, 2], [[2]] * 3, pairs=[5, 9, 10])
    (found,) = cuts([pair], "train", WORDS, Packing(10, "windows", 2))
    assert (found.limit, found.enough, found.share) == (20, 30, pytest.approx(1 / 3))
    assert "model.encoder.max_length in all windows (20)" in str(found)


def test_what_is_cut_is_kept_beside_the_evaluation(tmp_path):
    found = [Cut("test texts", "here", 8, 40, 0.25, 12)]
    write_cut(tmp_path / "cut.json", found)
    assert read_cut(tmp_path / "cut.json") == found
    assert read_cut(tmp_path / "none.json") == []
    (tmp_path / "cut.json").write_text('[{"what": 1}]')
    with pytest.raises(RunError, match=r"cut\.json: damaged; evaluate the run again"):
        read_cut(tmp_path / "cut.json")
