import json
import logging
from pathlib import Path

import numpy as np
import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import DataError
from tfmtl.data.streams import load_streams, tasks_with_split

ROWS = [
    {"text": "first text", "pair": "one", "label": "b", "score": 1.5, "summary": "first"},
    {"text": ["second", "text"], "pair": "two", "label": "a", "score": None, "summary": ["second", "2nd"]},
    {"text": "third text", "pair": "three", "label": None, "score": 2, "summary": ""},
    {"text": "fourth text", "pair": "four", "label": "", "score": None, "summary": None},
]
TOPIC = {"kind": "classification", "source": "s"}
STARS = {"kind": "regression", "source": "s"}
TLDR = {"kind": "summarization", "source": "s"}


@pytest.fixture
def experiment(tmp_path):
    """Makes an experiment on files of one source, from the rows of each split."""

    def experiment(tasks, train=ROWS, validation=ROWS[:2], test=ROWS[:2], **options):
        splits = {"train": train, "validation": validation, "test": test}
        for split, rows in splits.items():
            (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths = {split: f"{tmp_path}/{split}.jsonl" for split in splits}
        return parse({"sources": {"s": {"format": "jsonl", **paths, **options}}, "tasks": tasks})

    return experiment


def message(experiment, **arguments):
    with pytest.raises(DataError) as caught:
        load_streams(experiment, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_tasks_that_read_the_same_text_share_a_stream_and_a_missing_target_is_absent(experiment):
    streams, tasks = load_streams(experiment({"topic": TOPIC, "stars": STARS, "tldr": TLDR}))
    (stream,) = streams
    assert (stream.name, [task.name for task in stream.tasks]) == ("s", ["topic", "stars", "tldr"])
    train = stream.splits["train"]
    assert train.text.tolist() == ["first text", "second text", "third text"]
    assert train.text_pair is None
    assert train.targets["topic"].tolist() == [1, 0, -1]
    np.testing.assert_array_equal(train.targets["stars"], np.float32([1.5, np.nan, 2]))
    assert train.targets["tldr"].tolist() == [("first",), ("second", "2nd"), ()]
    assert {name: values.dtype for name, values in train.targets.items()} == {
        "topic": np.int32,
        "stars": np.float32,
        "tldr": object,
    }
    assert tasks["topic"].labels == ("a", "b")
    assert list(tasks) == ["topic", "stars", "tldr"]


def test_other_texts_of_a_source_are_other_streams(experiment):
    tasks = {"stars": {**STARS, "text_pair": "pair"}, "topic": TOPIC, "other": {**TOPIC, "text": "pair"}, "tldr": TLDR}
    streams, _ = load_streams(experiment(tasks))
    assert [(stream.name, [task.name for task in stream.tasks]) for stream in streams] == [
        ("s/text+pair", ["stars"]),
        ("s/text", ["topic", "tldr"]),
        ("s/pair", ["other"]),
    ]
    assert streams[0].splits["train"].text_pair.tolist() == ["one", "three"]


def test_several_fields_are_one_text(experiment, caplog):
    together = ["text", "pair"]
    rows = [*ROWS, {"text": None, "pair": "five", "label": "a"}, {"text": None, "pair": "", "label": "b"}]
    tasks = {
        "topic": {**TOPIC, "text": together},
        "stars": {**STARS, "text": ["pair", "text"]},
        "tldr": {**TLDR, "text": "pair", "text_pair": together},
    }
    with caplog.at_level(logging.INFO, "tfmtl"):
        streams, _ = load_streams(experiment(tasks, train=rows, empty_text="skip"))
    names, texts = [stream.name for stream in streams], [stream.splits["train"].text.tolist() for stream in streams]
    assert names == ["s/text,pair", "s/pair,text", "s/pair+text,pair"]
    assert texts[0] == ["first text\none", "second text\ntwo", "five"]
    assert texts[1] == ["one\nfirst text", "three\nthird text"]
    assert streams[2].splits["train"].text_pair.tolist() == ["first text\none", "second text\ntwo"]
    assert any("'text' and 'pair' are empty; rows left out for this: 1" in message for message in caplog.messages)


def test_a_part_of_a_text_that_is_not_there_is_told_with_its_key(experiment):
    found = message(experiment({"topic": {**TOPIC, "text": ["text", "par"]}}))
    assert "there is no column 'par', which tasks.topic.text names; did you mean 'pair'?" in found


def test_references_stand_in_several_fields(experiment):
    rows = [
        {"text": "a", "summary": "one", "second": "two"},
        {"text": "b", "summary": None, "second": ["three", "", "four"]},
        {"text": "c", "summary": "", "second": None},
    ]
    tasks = {"tldr": {**TLDR, "summary": ["summary", "second"]}}
    (stream,), _ = load_streams(experiment(tasks, rows, rows, rows))
    assert stream.splits["train"].targets["tldr"].tolist() == [("one", "two"), ("three", "four")]


def test_a_text_with_gaps_is_a_stream_of_its_own_of_all_rows(experiment):
    tasks = {"topic": TOPIC, "gaps": {"kind": "denoising", "source": "s"}}
    streams, _ = load_streams(experiment(tasks))
    assert [(stream.name, len(stream.splits["train"])) for stream in streams] == [("s/text", 2), ("s/text+gaps", 4)]
    assert streams[1].splits["train"].text[3] == "fourth text"


def test_given_labels_keep_their_order(experiment):
    (stream,), _ = load_streams(experiment({"topic": {**TOPIC, "labels": ["b", "a"]}}))
    assert stream.splits["train"].targets["topic"].tolist() == [0, 1]


def test_only_the_asked_splits_are_there_whatever_labels_need(experiment):
    (stream,), tasks = load_streams(experiment({"topic": TOPIC}), splits=("test",))
    assert list(stream.splits) == ["test"]
    assert tasks["topic"].labels == ("a", "b")


def test_a_missing_split_is_cut_from_train_alike_for_all_streams_of_a_source(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("text\ttitle\tlabel\n" + "".join(f"text {i}\ttitle {i}\t{i % 2}\n" for i in range(50)))
    tasks = {"a": TOPIC, "b": {**TOPIC, "text": "title"}}
    streams, _ = load_streams(parse({"sources": {"s": {"format": "tsv", "train": str(path)}}, "tasks": tasks}))
    for split, size in {"train": 40, "validation": 5, "test": 5}.items():
        texts, titles = (stream.splits[split].text.tolist() for stream in streams)
        assert len(texts) == size
        assert titles == [text.replace("text", "title") for text in texts]


@pytest.mark.parametrize("limit", [3, {"train": 3, "test": 9}])
def test_a_limit_leaves_rows_out_but_no_label(experiment, caplog, limit):
    rows = 2 * [{**ROWS[0], "label": label} for label in "abab"]
    with caplog.at_level(logging.INFO, "tfmtl"):
        (stream,), tasks = load_streams(experiment({"topic": TOPIC}, train=rows, test=rows, limit=limit))
    assert len(stream.splits["train"]) == 3 and len(stream.splits["test"]) > 3
    # Labels are those of all rows.
    assert tasks["topic"].labels == ("a", "b")
    assert caplog.messages == ["source 's': 3 of its 8 train rows are used"]


def test_a_limit_of_a_split_that_does_not_exist(experiment):
    expected = "source 's': limit: there is no split 'trian'; did you mean 'train'? "
    assert message(experiment({"topic": TOPIC}, limit={"trian": 1})).startswith(expected)


@pytest.mark.parametrize("empty", ["", " \n", None, []])
def test_an_empty_text_is_an_error_or_is_skipped(experiment, tmp_path, caplog, empty):
    train = [*ROWS, {"text": empty, "pair": "x", "label": "a"}]
    expected = f"{tmp_path}/train.jsonl:5: 'text' is empty; 'sources.s.empty_text: skip' leaves such rows out"
    assert message(experiment({"topic": TOPIC}, train=train)) == expected
    nothing = [{**row, "text": empty} for row in ROWS]
    expected = f"{tmp_path}/train.jsonl:1: 'text' is empty, and so is a text of every other row"
    assert message(experiment({"topic": TOPIC}, train=nothing, empty_text="skip")) == expected
    with caplog.at_level(logging.INFO, "tfmtl"):
        (stream,), _ = load_streams(experiment({"topic": TOPIC}, train=train, empty_text="skip"))
    assert len(stream.splits["train"]) == 2
    assert caplog.messages == [f"{tmp_path}/train.jsonl:5: 'text' is empty; rows left out for this: 1"]


def test_a_pair_task_without_its_pair(experiment, tmp_path):
    train = [ROWS[0], {**ROWS[1], "pair": None}]
    pair_task = {"topic": {**TOPIC, "text_pair": "pair"}}
    assert message(experiment(pair_task, train=train)).startswith(f"{tmp_path}/train.jsonl:2: 'pair' is empty; ")


@pytest.mark.parametrize(
    ("tasks", "changes", "expected"),
    [
        (
            {"topic": {**TOPIC, "label": "labl"}},
            {},
            "train.jsonl: there is no column 'labl', which tasks.topic.label names; did you mean 'label'? ",
        ),
        ({"topic": TOPIC}, {"train": []}, "train.jsonl: the file has no rows"),
        (
            {"topic": TOPIC},
            {"validation": [{**ROWS[0], "label": "c"}]},
            "validation.jsonl:1: task 'topic' has no label 'c'",
        ),
        (
            {"topic": TOPIC},
            {"test": [ROWS[0], {**ROWS[0], "label": "c"}]},
            "test.jsonl:2: task 'topic' has no label 'c'",
        ),
        ({"topic": {**TOPIC, "labels": ["a", "c"]}}, {}, "train.jsonl:1: task 'topic' has no label 'b'; known: a, c"),
        (
            {"stars": STARS},
            {"test": [{**ROWS[0], "score": "high"}]},
            "test.jsonl:1: 'score' of task 'stars' is not a finite",
        ),
        (
            {"tldr": TLDR},
            {"train": [{"text": {"a": 1}, "summary": "x"}]},
            "train.jsonl:1: 'text' is not a text: {'a': 1}",
        ),
    ],
)
def test_data_that_cannot_be_used_is_one_line_with_its_place(experiment, tmp_path, tasks, changes, expected):
    assert message(experiment(tasks, **changes)).startswith(f"{tmp_path}/{expected}")


def test_a_file_that_is_not_there(experiment, tmp_path):
    made = experiment({"topic": TOPIC})
    (tmp_path / "test.jsonl").unlink()
    assert message(made).startswith(f"{tmp_path}/test.jsonl: there is no such file")


def test_a_task_without_one_usable_row_in_train(experiment):
    expected = "task 'tldr': no row of train of source 's' has a value in 'summary', so there is nothing to learn from"
    assert message(experiment({"stars": STARS, "tldr": TLDR}, train=ROWS[2:])) == expected


def test_a_classification_with_one_label(experiment):
    expected = "task 'topic': a classification needs two labels or more, found in 'label': 'b'"
    assert message(experiment({"topic": TOPIC}, train=ROWS[:1])) == expected


def test_a_task_without_targets_in_test_is_said(experiment, caplog):
    with caplog.at_level(logging.WARNING, "tfmtl"):
        (stream,), _ = load_streams(experiment({"topic": TOPIC}, test=ROWS[3:]))
    assert len(stream.splits["test"]) == 0
    assert caplog.messages == [
        "task 'topic': no row of test of source 's' has a value in 'label', so it is not measured there"
    ]


def test_an_unknown_split(experiment):
    expected = "source 's': there is no split 'tset'; did you mean 'test'? (known: test, train, validation)"
    assert message(experiment({"topic": TOPIC}), splits=("tset",)) == expected


def test_rows_can_be_taken_by_mask(experiment):
    (stream,), _ = load_streams(experiment({"topic": {**TOPIC, "text_pair": "pair"}}))
    taken = stream.splits["train"].take(np.array([False, True]))
    assert (taken.text.tolist(), taken.text_pair.tolist()) == (["second text"], ["two"])
    assert taken.targets["topic"].tolist() == [0]


ARXIV = Path("../shared/data/arxiv")


@pytest.mark.data
@pytest.mark.skipif(not ARXIV.is_dir(), reason="the dataset is not here")
def test_a_real_dataset_with_two_tasks():
    splits = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    source = {"format": "tsv", **{split: str(ARXIV / name) for split, name in splits.items()}}
    common = {"source": "arxiv", "text": "abstract"}
    tasks = {
        "subject": {"kind": "classification", **common},
        "title": {"kind": "summarization", **common, "summary": "title"},
    }
    (stream,), filled = load_streams(parse({"sources": {"arxiv": source}, "tasks": tasks}))
    assert {split: len(examples) for split, examples in stream.splits.items()} == {
        "train": 24_000,
        "validation": 2_400,
        "test": 2_400,
    }
    assert len(filled["subject"].labels) == 8
    assert np.bincount(stream.splits["test"].targets["subject"]).tolist() == [300] * 8


@pytest.mark.parametrize("seed", range(6))
def test_a_rare_label_is_known_wherever_the_cut_puts_its_row(tmp_path, seed):
    rows = [f"text {i}\t{'rare' + str(i) if i < 12 else 'common'}" for i in range(92)]
    (tmp_path / "rows.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    experiment = parse(
        {
            "sources": {"rows": {"format": "tsv", "train": str(tmp_path / "rows.tsv")}},
            "tasks": {"topic": {"kind": "classification", "source": "rows"}},
            "training": {"seed": seed},
        }
    )
    for splits in (("train", "validation", "test"), ("test",)):
        _, tasks = load_streams(experiment, splits)
        assert tasks["topic"].labels == tuple(sorted({"common", *(f"rare{i}" for i in range(12))}))


def test_only_tasks_whose_source_has_a_split_are_asked_for_it(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_text("text\tlabel\na b\tx\nc d\ty\n", encoding="utf-8")
    plain = {"format": "tsv", "train": str(path), "validation": str(path), "test": str(path)}
    experiment = parse(
        {
            "sources": {"one": plain, "two": {**plain, "splits": {"hard": str(path)}}},
            "tasks": {name: {"kind": "classification", "source": name} for name in ("one", "two")},
        }
    )
    assert list(tasks_with_split(experiment, "test")) == ["one", "two"]
    assert list(tasks_with_split(experiment, "hard")) == ["two"]
    with pytest.raises(DataError, match="no source of this experiment has a split 'hrad'; did you mean 'hard'"):
        tasks_with_split(experiment, "hrad")


FORMATS = {
    "csv": "text,label\none,{one}\ntwo,{two}\nthree,{none}\n",
    "tsv": "text\tlabel\none\t{one}\ntwo\t{two}\nthree\t{none}\n",
    "jsonl": (
        '{{"text": "one", "label": {one}}}\n{{"text": "two", "label": {two}}}\n{{"text": "three", "label": {none}}}\n'
    ),
    "json": (
        '[{{"text": "one", "label": {one}}}, {{"text": "two", "label": {two}}}, {{"text": "three", "label": {none}}}]'
    ),
}
TABLES = ("csv", "tsv")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("one", "two", "labels"), [("1", "2", ("1", "2")), ("1.0", "2.0", ("1", "2")), ("true", "false", ("false", "true"))]
)
@pytest.mark.parametrize("none", ["nan", "", "None", "NULL"])
def test_labels_and_missing_ones_are_the_same_in_every_format(tmp_path, form, one, two, labels, none):
    if form not in TABLES:
        none = {"nan": "NaN", "": '""'}.get(none, "null")
    elif one == "true":
        # As pandas writes booleans.
        one, two = one.title(), two.title()
    path = tmp_path / f"rows.{form}"
    path.write_text(FORMATS[form].format(one=one, two=two, none=none), encoding="utf-8")
    source = {"format": form, "train": str(path), "validation": str(path), "test": str(path)}
    streams, tasks = load_streams(parse({"sources": {"s": source}, "tasks": {"topic": TOPIC}}))
    assert tasks["topic"].labels == labels
    found = streams[0].splits["test"].targets["topic"]
    assert [labels[k] for k in found] == [label.lower().removesuffix(".0") for label in (one, two)]


def test_what_stands_for_a_missing_value_can_be_configured(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label,score\none,NA,1\ntwo,-,-\nthree,EU,nan\n", encoding="utf-8")
    source = {"format": "csv", "train": str(path), "validation": str(path), "test": str(path)}

    def targets(**options):
        tasks = {"topic": TOPIC, "stars": STARS}
        streams, tasks = load_streams(parse({"sources": {"s": {**source, **options}}, "tasks": tasks}))
        return tasks["topic"].labels, streams[0].splits["train"].targets["stars"].tolist()

    assert targets(missing=["-", "nan"]) == (("EU", "NA"), [1.0, pytest.approx(np.nan, nan_ok=True)])
    with pytest.raises(DataError, match=r"rows\.csv:3: 'score' of task 'stars' is not a finite number: '-'"):
        targets()
    with pytest.raises(DataError, match=r"rows\.csv:4: 'score' of task 'stars' is not a finite number: 'nan'"):
        targets(missing=["-"])
