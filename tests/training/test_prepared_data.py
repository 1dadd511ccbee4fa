import json
import shutil
from collections import Counter

import numpy as np
import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError, DataError, RunError
from tfmtl.data.columns import DenseColumn, RaggedColumn
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tables import Slice, Table
from tfmtl.data.tokenizers.sentencepiece import SentencePieceOptions, SentencePieceTokenizer
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.runs.identity import claim, experiment_of
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training import prepared_data
from tfmtl.training.prepared_data import TrainingData, _check_tasks, _training_text, claim_folder, prepare


def rows(experiment, source, split="train"):
    (path,) = experiment.sources[source].options.paths[split]
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("task", "source", "field"), [("topic", "tickets", "label"), ("same", "pairs", "same")])
def test_classes_are_counted_over_the_rows_of_train(experiment, data, task, source, field):
    counted = Counter(row[field] for row in rows(experiment, source))
    counts = np.array([counted[label] for label in sorted(label for label in counted if label is not None)])
    column = data.columns[task]
    assert np.bincount(column.values[column.present]).tolist() == counts.tolist()
    balanced = data.tasks[task].model_copy(update={"class_weights": "balanced"})
    np.testing.assert_allclose(kind_of(balanced).class_weights(balanced, column), counts.sum() / (2 * counts))


def table(targets, generated=()):
    columns = {name: DenseColumn(values) for name, values in targets.items()}
    return Table(Slice("tokens", tuple(targets), generated), RaggedColumn.empty(), columns, {})


def test_a_task_s_column_has_the_targets_of_all_slices_of_train():
    topic = Classification(name="topic", source="s", labels=("a", "b", "c"), class_weights="balanced")
    tables = [
        table({"topic": np.int32([0, -1, 1, 1]), "other": np.int32([2, 2, 2, 2])}),
        table({}, ("title",)),
        table({"topic": np.int32([-1, 1])}, ("note",)),
    ]
    title = RaggedColumn(np.int32([2, 7, 3]), np.array([0, 0, 3]))
    tables[1].targets["title"] = title
    data = TrainingData([], {}, None, tables, None, [table({"topic": np.int32([2])})], None)
    columns = data.columns
    assert set(columns) == {"topic", "other", "title"}
    assert columns["topic"].values.tolist() == [0, -1, 1, 1, -1, 1]
    assert (columns["title"].values.tolist(), columns["title"].splits.tolist()) == ([2, 7, 3], [0, 0, 3])
    # One row of the first class, three of the second, none of the third, and none that has no label.
    weights = kind_of(topic).class_weights(topic, columns["topic"])
    np.testing.assert_allclose(weights, [4 / (2 * 1), 4 / (2 * 3), 4 / (2 * 1)])


@pytest.fixture(scope="module")
def claimed(experiment, data, tmp_path_factory):
    """A run that is claimed, with a tokenizer that its own train would not give."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    claim(folder, experiment, data.tasks)
    SentencePieceTokenizer.train(SentencePieceOptions(vocabulary_size=300), ["the cat sleeps"]).save(folder.tokenizer)
    return folder


@pytest.fixture(scope="module")
def found(make_experiment, claimed):
    """What `prepare` makes of the claimed run, two replicas and small batches of validation."""
    return prepare(make_experiment(evaluation={"batch_size": 5}), claimed, replicas=2)


def test_the_tokenizer_of_the_run_is_taken(found, claimed, data):
    assert found.tokenizer.proto == (claimed.tokenizer / "sentencepiece.model").read_bytes()
    assert found.tokenizer.proto != data.tokenizer.proto


def test_a_training_that_has_begun_and_lost_its_tokenizer_does_not_learn_another(experiment, data, tmp_path):
    folder = RunFolder(tmp_path / "tiny")
    claim_folder(folder, experiment, data)
    shutil.rmtree(folder.tokenizer)
    prepare(experiment, folder, replicas=1)
    folder.checkpoints.mkdir()
    with pytest.raises(RunError, match="tokenizer: missing, though the training has begun; remove the run's folder"):
        prepare(experiment, folder, replicas=1)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_run_goes_on_with_the_rows_that_it_began_with_alone(make_experiment, experiment, tmp_path, split):
    sources = experiment.as_mapping()["sources"]
    path = tmp_path / "scores.jsonl"
    shutil.copy(sources["scores"][split][0], path)
    sources["scores"][split] = [str(path)]
    changing, folder = make_experiment(sources=sources), RunFolder(tmp_path / "tiny")
    claim_folder(folder, changing, prepare(changing, folder, replicas=1))
    prepare(changing, folder, replicas=1)
    count = len(path.read_text().splitlines())
    with open(path, "a") as file:
        file.write('{"text": "one more", "stars": 3}\n')
    if split == "test":
        # What is measured in the end may change.
        prepare(changing, folder, replicas=1)
        return
    with pytest.raises(RunError) as caught:
        prepare(changing, folder, replicas=1)
    change = f"{split} of scores/text: {count} rows then, {count + 1} now"
    assert str(caught.value) == (
        f"{folder.path}: its rows have changed since its training began ({change}); choose another folder by "
        "'run', or another name"
    )


def test_the_plans_have_all_rows_in_batches_of_their_own_sizes(found):
    # 24 + 10 + 7 rows of train in batches of 12, twice; 6 + 6 + 6 rows of validation in batches of 5.
    assert (found.plan.updates_per_epoch, found.plan.updates) == (-(-41 // 12), 2 * -(-41 // 12))
    assert found.validation_plan.updates == -(-18 // 5)
    assert sum((part.rows >= 0).sum() for part in found.plan.slices) == 2 * 41
    assert sum((part.rows >= 0).sum() for part in found.validation_plan.slices) == 18
    assert {part.rows.shape[1] % 2 for part in [*found.plan.slices, *found.validation_plan.slices]} == {0}


def test_validation_has_the_slices_of_train_and_test_is_gone(found):
    assert [table.slice for table in found.validation_tables] == found.slices
    assert [set(stream.splits) for stream in found.streams] == [{"train", "validation"}] * 3


def test_its_size_is_told_in_a_sentence(found):
    read = positions = 0
    for part, of in zip(found.plan.slices, found.tables, strict=True):
        for chosen, length in zip(part.rows, part.length, strict=True):
            positions += len(chosen) * int(length)
            read += sum(int(of.tokens.lengths[row]) for row in chosen if row >= 0)
    padding = 100 * (positions - read) / positions
    assert found.size == f"41 training rows, 4 updates per epoch, {padding:.1f} % of encoder positions are padding"


def test_a_stage_reads_the_rows_of_its_tasks_alone(data, experiment, make_experiment):
    staged = make_experiment(training={"stages": [{"tasks": ["same", "title"], "epochs": 3}, {"epochs": 1}]})
    part = data.of(staged, 0, replicas=1)
    titles = sum(row["summary"] is not None for row in rows(experiment, "tickets"))
    # The rows with a title, and all 10 of the other stream, in batches of 12.
    assert titles < 24 and part.plan.updates_per_epoch == -(-(titles + 10) // 12)
    assert sum((chosen.rows >= 0).sum() for chosen in part.plan.slices) == 3 * (titles + 10)
    for table, chosen in zip(data.tables, part.plan.slices, strict=True):
        assert not np.isin(chosen.rows, table.streams.get("scores", [])).any()
    assert part.size.startswith(f"{titles + 10} training rows, ")
    assert part.tables is data.tables and part.validation_plan is data.validation_plan


def test_no_stage_reads_in_the_order_of_another(data, make_experiment):
    alone, staged = (make_experiment(training={"stages": [{"epochs": 2}] * stages}) for stages in (1, 2))
    first, last = (data.of(staged, number, replicas=1).plan for number in (0, 1))
    assert first.seed != last.seed == staged.training.seed
    assert any((one.rows != other.rows).any() for one, other in zip(first.slices, last.slices, strict=True))
    for one, other in zip(last.slices, data.of(alone, 0, replicas=1).plan.slices, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)


def test_a_folder_that_cannot_be_used_is_told_before_any_text_is_read(make_experiment, experiment, tmp_path):
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    sources = experiment.as_mapping()["sources"]
    sources["scores"]["train"] = ["gone.jsonl"]
    with pytest.raises(RunError, match=r"run: this is a file, not a folder; choose another by 'run'"):
        prepare(make_experiment(sources=sources), RunFolder(tmp_path / "run"), 1)


def test_tasks_are_checked_with_their_labels_before_anything_is_written(experiment, tmp_path, monkeypatch):
    def refuse(checked, tasks):
        assert checked is experiment
        labels = {str(row["label"]) for row in rows(experiment, "tickets") if row["label"] is not None}
        raise ConfigurationError(f"no: {list(tasks)} {tasks['topic'].labels == tuple(sorted(labels))}")

    monkeypatch.setattr(prepared_data, "_check_tasks", refuse)
    with pytest.raises(ConfigurationError, match=r"^no: \['topic', 'title', 'same', 'stars'\] True$"):
        prepare(experiment, RunFolder(tmp_path / "run"), 1)
    assert not (tmp_path / "run").exists()


def test_what_is_wrong_with_test_is_said_before_a_folder_is_made(make_experiment, experiment, tmp_path):
    sources = experiment.as_mapping()["sources"]
    sources["scores"]["test"] = [f"{tmp_path}/gone.jsonl"]
    with pytest.raises(DataError) as caught:
        prepare(make_experiment(sources=sources), RunFolder(tmp_path / "run"), 1)
    assert str(caught.value) == f"{tmp_path}/gone.jsonl: there is no such file"
    assert not (tmp_path / "run").exists()


def test_a_claimed_folder_has_the_configuration_and_the_tokenizer(experiment, data, tmp_path):
    folder = RunFolder(tmp_path / "runs" / "tiny")
    claim_folder(folder, experiment, data)
    assert sorted(path.name for path in folder.path.rglob("*")) == [
        "config.yaml",
        "rows.json",
        "sentencepiece.model",
        "tokenizer",
    ]
    assert (folder.tokenizer / "sentencepiece.model").read_bytes() == data.tokenizer.proto
    assert experiment_of(folder).tasks["same"].labels == ("no", "yes")


def test_a_tokenizer_that_is_there_is_never_written_again(experiment, data, claimed):
    before = (claimed.tokenizer / "sentencepiece.model").read_bytes()
    claim_folder(claimed, experiment, data)
    assert (claimed.tokenizer / "sentencepiece.model").read_bytes() == before != data.tokenizer.proto


def test_a_tokenizer_that_was_not_finished_is_written_by_the_next_claim(experiment, data, tmp_path):
    folder = RunFolder(tmp_path)
    claim(folder, experiment, data.tasks)
    (tmp_path / ".tokenizer.4711").mkdir()
    claim_folder(folder, experiment, data)
    assert SentencePieceTokenizer.load(folder.tokenizer).proto == data.tokenizer.proto


def test_the_training_text_is_every_text_pair_and_summary_of_train(experiment, data):
    expected = [row["text"] for source in ("tickets", "scores") for row in rows(experiment, source)]
    expected += [row["summary"] for row in rows(experiment, "tickets") if row["summary"] is not None]
    expected += [row[field] for row in rows(experiment, "pairs") for field in ("first", "second")]
    assert Counter(_training_text(data.streams, 0)) == Counter(expected)


def column(values):
    made = np.empty(len(values), object)
    made[:] = values
    return made


def stream(name, letter, count, pairs=False, tasks=(), targets=None):
    texts = [f"{letter}{row}" for row in range(count)]
    pair = column([f"{text} pair" for text in texts]) if pairs else None
    return Stream(name, tasks, {"train": Examples(column(texts), pair, targets or {})})


def test_what_belongs_to_a_row_stays_together_and_only_first_references_are_read():
    tasks = tuple(Summarization(name=name, source="s") for name in ("title", "note"))
    targets = {
        "title": column([("a0 title", "a0 other"), (), ("a2 title",)]),
        "note": column([(), (), ("a2 note", "a2 other")]),
    }
    streams = [stream("s", "a", 3, tasks=tasks, targets=targets), stream("p", "b", 2, pairs=True)]
    expected = [["a0", "a0 title"], ["a1"], ["a2", "a2 title", "a2 note"], ["b0", "b0 pair"], ["b1", "b1 pair"]]
    for seed in range(10):
        texts = list(_training_text(streams, seed))
        starts = [place for place, text in enumerate(texts) if " " not in text]
        ends = [*starts[1:], len(texts)]
        assert sorted(texts[start:end] for start, end in zip(starts, ends, strict=True)) == expected


def test_the_order_of_rows_is_random_but_the_same_for_the_same_seed():
    streams = [stream("s", "a", 300), stream("p", "b", 100)]
    first = list(_training_text(streams, 1))
    assert first == list(_training_text(streams, 1)) != list(_training_text(streams, 2))
    # A fourth of any part: 25 of 100 rows, with a deviation of 3.8.
    assert 10 <= sum(text.startswith("b") for text in first[:100]) <= 40
    assert sorted(first) == sorted([f"a{row}" for row in range(300)] + [f"b{row}" for row in range(100)])


def test_a_batch_has_a_row_for_each_of_its_parts(make_experiment, tmp_path):
    experiment = make_experiment(training={"accumulation": 7})
    with pytest.raises(ConfigurationError, match=r"a batch of 12 rows for 2 replicas .* give at most 6$"):
        prepare(experiment, RunFolder(tmp_path / "run"), replicas=2)


def learnable(**sections):
    values = {
        "sources": {"articles": {"format": "tsv", "train": "train.tsv"}},
        "tasks": {
            "subject": {"kind": "classification", "source": "articles", "labels": ["music", "travel"]},
            "title": {"kind": "summarization", "source": "articles", "max_length": 12},
        },
    }
    return parse({**values, **sections})


def check(**sections) -> None:
    checked = learnable(**sections)
    _check_tasks(checked, checked.tasks)


def test_what_fits_passes():
    check(balancing={"weights": {"title": 2.0}}, generation={"min_length": 11})


def test_a_weight_of_no_task():
    with pytest.raises(ConfigurationError, match=r"balancing.weights: unknown task 'titel'; did you mean 'title'"):
        check(balancing={"weights": {"titel": 2.0}})


def test_a_weight_of_no_label():
    task = {**learnable().tasks["subject"].as_mapping(), "class_weights": {"musik": 2.0}}
    with pytest.raises(ConfigurationError, match=r"tasks.subject.class_weights: unknown label 'musik'; did you mean"):
        check(tasks={"subject": task})


def test_a_least_length_that_leaves_no_room_for_the_end():
    with pytest.raises(ConfigurationError, match="min_length: 12 tokens and an end mark do not fit"):
        check(generation={"min_length": 12})


def test_a_metric_that_does_not_measure_what_a_task_says():
    task = {**learnable().tasks["subject"].as_mapping(), "metrics": ["rougeL"]}
    with pytest.raises(ConfigurationError, match=r"^tasks.subject"):
        check(tasks={"subject": task})
