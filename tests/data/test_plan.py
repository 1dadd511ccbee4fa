import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.registry import SCHEDULES
from tfmtl.core.validation import Choice
from tfmtl.data.columns import DenseColumn, RaggedColumn
from tfmtl.data.plan import (
    bucket_length,
    padding_share,
    plan_pass,
    plan_training,
    rows_read,
    task_shares,
    tokens_read,
)
from tfmtl.data.tables import Slice, Table


def pieces(lengths):
    return RaggedColumn(np.ones(sum(lengths), np.int32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def table(streams, lengths, targets=None, summary_lengths=None):
    """A table of which each stream has so many rows, one after the other."""
    ends = np.cumsum(list(streams.values()))
    places = {
        name: np.arange(end - count, end) for (name, count), end in zip(streams.items(), ends, strict=True) if count
    }
    columns = {name: DenseColumn(values) for name, values in (targets or {}).items()}
    summaries = {} if summary_lengths is None else {"title": pieces(summary_lengths)}
    part = Slice("tokens_title" if summaries else "tokens", tuple(columns), tuple(summaries))
    return Table(part, pieces(lengths), {**columns, **summaries}, places)


def lengths(count, mean=20, seed=0):
    return (2 + np.random.default_rng(seed).poisson(mean, count)).tolist()


def mixing(schedule="proportional", **options):
    entry = SCHEDULES.get(schedule)
    return Choice(key="schedule", name=schedule, options=entry.options(**options))


def real_rows(part, epoch=None, updates=None):
    rows = part.rows if epoch is None else part.rows[epoch * updates : (epoch + 1) * updates]
    return rows[rows >= 0]


TWO_SLICES = [
    table({"a": 40, "b": 21}, lengths(61)),
    table({"a": 30}, lengths(30, seed=1), summary_lengths=lengths(30, mean=6, seed=2)),
]


def test_proportional_mixing_reads_each_row_once_an_epoch():
    plan = plan_training(TWO_SLICES, mixing(), epochs=3, batch_size=16, multiple=1, seed=7)
    assert plan.updates_per_epoch == -(-91 // 16)
    assert plan.updates == 3 * plan.updates_per_epoch
    for part, count in zip(plan.slices, (61, 30), strict=True):
        for epoch in range(3):
            assert sorted(real_rows(part, epoch, plan.updates_per_epoch)) == list(range(count))


def test_other_schedules_draw_their_share_without_replacement():
    # temperature 2, sizes 90 and 10: shares 3/4 and 1/4 of 100 rows; the small stream is passed over 2.5 times.
    tables = [table({"large": 90, "small": 10}, lengths(100))]
    plan = plan_training(tables, mixing("temperature", temperature=2.0), 2, 10, 1, seed=0)
    for epoch in range(2):
        rows = real_rows(plan.slices[0], epoch, plan.updates_per_epoch)
        small = np.bincount(rows[rows >= 90] - 90, minlength=10)
        assert (rows < 90).sum() == 75
        assert small.sum() == 25
        assert small.min() >= 2 and small.max() <= 3
    assert np.bincount(real_rows(plan.slices[0]), minlength=100)[:90].tolist().count(2) == 60
    assert np.bincount(real_rows(plan.slices[0]), minlength=100)[90:].tolist() == [5] * 10


def test_counts_are_rounded_by_the_largest_remainder():
    # Three equal shares of 11 rows: two streams get 4, one gets 3.
    tables = [table({"a": 7, "b": 2, "c": 2}, lengths(11))]
    plan = plan_training(tables, mixing("uniform"), 1, 11, 1, seed=0)
    counts = [
        ((real_rows(plan.slices[0]) >= low) & (real_rows(plan.slices[0]) < high)).sum()
        for low, high in [(0, 7), (7, 9), (9, 11)]
    ]
    assert sorted(counts) == [3, 4, 4]


def test_a_plan_is_a_function_of_its_seed_and_its_epochs_differ():
    plans = [plan_training(TWO_SLICES, mixing(), 2, 8, 1, seed) for seed in (1, 1, 2)]
    for first, same, other in zip(*(plan.slices for plan in plans), strict=True):
        np.testing.assert_array_equal(first.rows, same.rows)
        assert (first.rows != other.rows).any()
        half = len(first.rows) // 2
        assert (first.rows[:half] != first.rows[half:]).any()


def test_a_plan_never_changes():
    # Runs that were begun with an earlier version resume in the middle of their plan.
    tables = [
        table({"a": 700, "b": 210}, lengths(910)),
        table({"a": 300}, lengths(300, seed=1), summary_lengths=lengths(300, mean=6, seed=2)),
    ]
    digest = hashlib.sha256()
    for part in plan_training(tables, mixing("temperature", temperature=2.0), 3, 16, 4, seed=11).slices:
        for values in (part.rows, part.length, *part.target_lengths.values()):
            digest.update(values.tobytes())
    assert digest.hexdigest()[:16] == "43cb1bb2032319a9"


def test_a_longer_training_begins_like_a_shorter_one():
    short, long = (plan_training(TWO_SLICES, mixing(), epochs, 8, 1, seed=1) for epochs in (1, 3))
    for part, longer in zip(short.slices, long.slices, strict=True):
        np.testing.assert_array_equal(part.rows, longer.rows[: len(part.rows)])


@pytest.mark.parametrize("replicas", [2, 3, 8])
def test_replicas_do_not_change_the_rows_of_a_batch(replicas):
    one, several = (plan_training(TWO_SLICES, mixing(), 2, 13, count, seed=1) for count in (1, replicas))
    for part, spread in zip(one.slices, several.slices, strict=True):
        assert spread.rows.shape[1] % replicas == 0
        np.testing.assert_array_equal(part.length, spread.length)
        for rows, more in zip(part.rows, spread.rows, strict=True):
            assert sorted(rows[rows >= 0]) == sorted(more[more >= 0])


@pytest.mark.parametrize(("mean", "longest"), [(13, 128), (220, 256)], ids=["GLUE", "arXiv"])
def test_at_most_15_percent_of_a_training_is_padding(mean, longest):
    generator = np.random.default_rng(0)
    drawn = generator.lognormal(np.log(mean), 0.45, size=6000).astype(int)
    tables = [table({"a": 6000}, np.clip(drawn, 3, longest).tolist())]
    plan = plan_training(tables, mixing(), 1, 32, 1, seed=0)
    assert padding_share(tables, plan) <= 0.15


def test_every_batch_is_as_long_as_its_longest_row_asks():
    for plan in (plan_training(TWO_SLICES, mixing(), 2, 8, 2, seed=3), plan_pass(TWO_SLICES, 8, 2)):
        for part, source in zip(plan.slices, TWO_SLICES, strict=True):
            columns = [(source.tokens, part.length)]
            columns += [(source.targets[name], of_task) for name, of_task in part.target_lengths.items()]
            for column, padded in columns:
                longest = np.append(column.lengths, 0)[part.rows].max(axis=1)
                assert (padded >= longest).all()
                assert (padded <= np.maximum(2, column.lengths.max())).all()
                assert (padded <= longest + np.maximum(2, longest / 8)).all()


def test_a_pass_reads_each_row_once():
    plan = plan_pass(TWO_SLICES, batch_size=9)
    assert plan.updates == plan.updates_per_epoch == -(-91 // 9)
    for part, count in zip(plan.slices, (61, 30), strict=True):
        assert sorted(real_rows(part)) == list(range(count))


def test_a_pass_over_an_empty_slice_reads_padding():
    plan = plan_pass([TWO_SLICES[0], table({}, [], summary_lengths=[])], batch_size=9)
    assert (plan.slices[1].rows == -1).all()
    assert (plan.slices[1].length == 2).all()


def test_what_an_update_reads_is_counted_without_padding():
    plan = plan_training(TWO_SLICES, mixing(), 1, 8, 2, seed=3)
    by_hand = [
        sum(
            source.tokens.lengths[row]
            for part, source in zip(plan.slices, TWO_SLICES, strict=True)
            for row in part.rows[update]
            if row >= 0
        )
        for update in range(plan.updates)
    ]
    assert tokens_read(TWO_SLICES, plan).tolist() == by_hand
    room = sum(part.rows.shape[1] * part.length.sum() for part in plan.slices)
    assert padding_share(TWO_SLICES, plan) == pytest.approx(1 - sum(by_hand) / room)


def test_the_rows_that_a_plan_reads_are_counted_once():
    plan = plan_training(TWO_SLICES, mixing("uniform"), 1, 8, 2, seed=3)
    assert rows_read(TWO_SLICES, plan) == sum(len({*real_rows(part).tolist()}) for part in plan.slices) < 91


def test_the_shares_of_tasks_count_rows_that_have_a_target():
    labels, scores = np.int32([0, -1, 1, 1]), np.float32([np.nan, 2.0, np.nan, np.nan])
    tables = [
        table({"a": 4}, [5] * 4, {"topic": labels, "stars": scores}),
        table({"a": 2}, [5] * 2, {"topic": np.int32([-1, 0])}, summary_lengths=[3, 0]),
    ]
    plan = plan_training(tables, mixing(), 1, 6, 4, seed=0)
    shares = task_shares(tables, plan)
    assert {name: share.tolist() for name, share in shares.items()} == {
        "topic": [pytest.approx(4 / 6)],
        "stars": [pytest.approx(1 / 6)],
        "title": [pytest.approx(1 / 6)],
    }


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 100_000))
def test_a_bucket_is_less_than_an_eighth_longer_and_buckets_are_few(length):
    padded = int(bucket_length(np.array([length]))[0])
    assert length <= padded < max(length * 9 / 8, length + 2)
    doubling = np.arange(length, 2 * length + 1)
    assert len(np.unique(bucket_length(doubling))) <= 17
