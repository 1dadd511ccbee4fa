from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds.denoising.test_span_corruption import filled, stripped
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.data.plan import plan_training
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare


def padded(pieces, rows, length):
    """The rows of a batch, row by row in plain Python."""
    batch = np.zeros((len(rows), length), np.int32)
    for place, row in enumerate(rows):
        if row >= 0:
            ids = pieces.values[pieces.splits[row] : pieces.splits[row + 1]]
            batch[place, : len(ids)] = ids
    return batch


def expected(data, plan, update):
    inputs, targets = {}, {}
    for table, part in zip(data.tables, plan.slices, strict=True):
        rows = part.rows[update]
        inputs[table.slice.tokens] = padded(table.tokens, rows, part.length[update])
        for name in table.slice.heads:
            column = table.targets[name].values
            mark = -1 if column.dtype == np.int32 else np.nan
            found = [column[row] if row >= 0 else mark for row in rows]
            targets.setdefault(name, []).append(np.array(found, column.dtype))
        for name in table.slice.generated:
            inputs[f"target_{name}"] = padded(table.targets[name], rows, part.target_lengths[name][update])
            targets[name] = [inputs[f"target_{name}"]]
    return inputs, {name: np.concatenate(parts) for name, parts in targets.items()}


def assert_equal(found, wanted):
    for have, want in zip(found, wanted, strict=True):
        assert have.keys() == want.keys()
        for name in want:
            np.testing.assert_array_equal(np.asarray(have[name]), want[name], err_msg=name)
            assert np.asarray(have[name]).dtype == want[name].dtype


def test_a_batch_holds_what_the_plan_says(data):
    found = list(batches(data.tables, data.plan))
    assert len(found) == data.plan.updates
    for update, batch in enumerate(found):
        assert_equal(batch, expected(data, data.plan, update))


def test_batches_can_begin_and_end_anywhere(data):
    whole = list(batches(data.tables, data.plan).as_numpy_iterator())
    part = list(batches(data.tables, data.plan, start=3, stop=6).as_numpy_iterator())
    assert len(part) == 3
    for batch, same in zip(part, whole[3:6], strict=True):
        assert_equal(batch, same)


def test_validation_comes_in_one_pass(data):
    rows = [targets["topic"] for _, targets in batches(data.validation_tables, data.validation_plan)]
    labels = np.concatenate([table.targets["topic"].values for table in data.validation_tables])
    assert sorted(np.concatenate(rows)[np.concatenate(rows) >= 0]) == sorted(labels[labels >= 0])


def test_all_batches_run_through_one_trace(data, experiment):
    plan = plan_training(data.tables, experiment.mixing, epochs=6, batch_size=5, multiple=1, seed=1)
    dataset = batches(data.tables, plan)
    traces = []

    @tf.function(input_signature=dataset.element_spec, autograph=False)
    def count(inputs, targets):
        traces.append({name: tuple(tensor.shape) for name, tensor in inputs.items()})
        return tf.add_n([tf.reduce_sum(tensor) for tensor in inputs.values()])

    for batch in dataset:
        count(*batch)
    assert len(traces) == 1
    assert traces[0]["tokens"] == (plan.slices[0].rows.shape[1], None)


def test_replicas_share_a_batch_row_by_row(data, experiment, mirrored):
    plan = plan_training(data.tables, experiment.mixing, epochs=1, batch_size=12, multiple=2, seed=0)
    found = distributed_batches(mirrored, data.tables, plan, start=1, stop=3)
    for update, batch in zip([1, 2, 1], found, strict=False):
        inputs, targets = expected(data, plan, update)
        for replica in range(2):
            part = tf.nest.map_structure(lambda value: mirrored.experimental_local_results(value)[replica], batch)  # noqa: B023
            counts = [part_plan.rows.shape[1] for part_plan in plan.slices]
            assert_equal(
                part,
                (
                    {name: values[replica::2] for name, values in inputs.items()},
                    {name: _share(values, counts, replica) for name, values in targets.items()},
                ),
            )


@pytest.fixture(scope="module")
def with_gaps(make_experiment, tmp_path_factory):
    """An experiment that also fills gaps of its first source's texts, and its data."""
    gaps = {"kind": "denoising", "source": "tickets", "noise_density": 0.3}
    hidden = {"kind": "denoising", "source": "scores", "objective": "pieces"}
    experiment = make_experiment(tasks={"gaps": gaps, "hidden": hidden})
    return experiment, prepare(experiment, RunFolder(tmp_path_factory.mktemp("gaps") / "run"), replicas=1)


def test_texts_with_gaps_are_others_in_each_epoch_and_the_same_in_each_run(with_gaps):
    experiment, data = with_gaps
    plan = plan_training(data.tables, experiment.mixing, epochs=2, batch_size=12, multiple=1, seed=3)
    table, part = next((t, p) for t, p in zip(data.tables, plan.slices, strict=True) if t.slice.generated == ("gaps",))
    assert table.slice.heads == () and len(table.tokens.lengths) == 24
    first, again = (list(batches(data.tables, plan, 0, 2).as_numpy_iterator()) for _ in range(2))
    for (inputs, targets), (same, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(inputs["tokens_gaps"], same["tokens_gaps"])
        np.testing.assert_array_equal(targets["gaps"], inputs["target_gaps"])
    (from_there, _), *_ = batches(data.tables, plan, 1, 2).as_numpy_iterator()
    np.testing.assert_array_equal(from_there["tokens_gaps"], first[1][0]["tokens_gaps"])
    whole = padded(table.tokens, part.rows[0], part.length[0])
    inputs = first[0][0]
    for text, answer, row in zip(inputs["tokens_gaps"], inputs["target_gaps"], whole, strict=True):
        assert filled(stripped(text), stripped(answer)) == stripped(row)
    other = plan_training(data.tables, experiment.mixing, epochs=2, batch_size=12, multiple=1, seed=3)
    other = replace(other, seed=4)
    inputs, _ = next(batches(data.tables, other, 0, 1).as_numpy_iterator())
    assert (inputs["tokens_gaps"] != first[0][0]["tokens_gaps"]).any()


def test_replicas_have_the_gaps_of_one(with_gaps, mirrored):
    experiment, data = with_gaps
    plan = plan_training(data.tables, experiment.mixing, epochs=1, batch_size=12, multiple=2, seed=0)
    whole = batches(data.tables, plan, 1, 2).as_numpy_iterator().next()[0]
    found, _ = next(iter(distributed_batches(mirrored, data.tables, plan, start=1, stop=2)))
    for name in ("tokens_gaps", "target_gaps", "tokens_hidden", "target_hidden"):
        for replica in range(2):
            part = mirrored.experimental_local_results(found[name])[replica]
            np.testing.assert_array_equal(part, whole[name][replica::2])


def test_each_replica_knows_how_many_rows_it_gets(data, experiment, mirrored):
    plan = plan_training(data.tables, experiment.mixing, epochs=1, batch_size=12, multiple=2, seed=0)
    inputs, targets = {}, {}

    @tf.function(autograph=False)
    def note(batch):
        inputs.update(batch[0])
        targets.update(batch[1])

    mirrored_batches = iter(distributed_batches(mirrored, data.tables, plan))
    tf.function(lambda: mirrored.run(note, args=(next(mirrored_batches),)), autograph=False)()
    rows = {part.tokens: of.rows.shape[1] // 2 for part, of in zip(data.slices, plan.slices, strict=True)}
    assert {name: inputs[name].shape[0] for name in rows} == rows
    for task in ("topic", "same", "stars", "title"):
        places = [part.tokens for part in data.slices if task in (*part.heads, *part.generated)]
        assert targets[task].shape[0] == sum(rows[place] for place in places)


def _share(values, counts, replica):
    """Every second row of each slice, one slice after the other."""
    if len(values) < sum(counts):
        return values[replica::2]
    return np.concatenate([part[replica::2] for part in np.split(values, np.cumsum(counts)[:-1])])
