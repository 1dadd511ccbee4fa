import keras
import pytest
import tensorflow as tf

from tfmtl.reports.comparison.cost import parameters, training_cost
from tfmtl.runs.run_folder import RunFolder


def write_events(folder, losses, first_step):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step, loss in enumerate(losses, start=first_step):
            tf.summary.scalar("loss/topic", loss, step=step)
            tf.summary.scalar("tokens_per_second", 100.0 * step, step=step)
        tf.summary.scalar("epoch/loss", losses[-1], step=first_step + len(losses) - 1)
        tf.summary.text("configuration", "text", step=0)
    writer.close()


def test_each_process_of_a_training_counts(tmp_path):
    run = RunFolder(tmp_path)
    write_events(run.tensorboard / "train", [3.0, 2.0], first_step=1)
    write_events(run.tensorboard / "train", [1.5, 1.0, 0.5], first_step=3)
    cost = training_cost(run)
    assert cost.updates == 5 and cost.tokens_per_second == 300.0
    assert [loss for _, loss in cost.losses["topic"]] == pytest.approx([3.0, 2.0, 1.5, 1.0, 0.5])
    times = [seconds for seconds, _ in cost.losses["topic"]]
    assert times == sorted(times) and 0 < times[-1] <= cost.seconds < 60


def test_updates_that_were_made_again_count_once(tmp_path):
    run = RunFolder(tmp_path)
    write_events(run.tensorboard / "train", [4.0, 3.0, 2.0, 9.0], first_step=1)
    write_events(run.tensorboard / "train", [2.5, 1.5], first_step=3)
    cost = training_cost(run)
    assert [loss for _, loss in cost.losses["topic"]] == [4.0, 3.0, 2.5, 1.5]
    # The median of 100, 200, 300 and 400: those of the updates that were lost are not among them.
    assert cost.updates == 4 and cost.tokens_per_second == 250.0


def test_processes_of_one_second_count_in_their_order(tmp_path):
    # The names of a process's event files end in a number, of which the tenth sorts before the ninth.
    run = RunFolder(tmp_path)
    for step in range(1, 13):
        write_events(run.tensorboard / "train", [float(step)], first_step=step)
    assert [loss for _, loss in training_cost(run).losses["topic"]] == [float(step) for step in range(1, 13)]


def test_each_stage_of_a_training_counts(tmp_path):
    run = RunFolder(tmp_path)
    write_events(run.stage(2).tensorboard / "train", [2.0], first_step=1)
    write_events(run.stage(1).tensorboard / "train", [4.0, 3.0], first_step=1)
    write_events(run.tensorboard / "train", [1.0, 0.5], first_step=1)
    cost = training_cost(run)
    assert cost.updates == 5 and cost.tokens_per_second == 100.0
    assert [loss for _, loss in cost.losses["topic"]] == [4.0, 3.0, 2.0, 1.0, 0.5]
    times = [seconds for seconds, _ in cost.losses["topic"]]
    assert times == sorted(times)


def test_a_run_of_an_earlier_version_has_its_events_one_level_higher(tmp_path):
    run = RunFolder(tmp_path)
    write_events(run.tensorboard, [3.0, 2.0], first_step=1)
    write_events(run.tensorboard / "train", [1.5], first_step=3)
    # What is measured on the validation split has no part in the cost.
    write_events(run.tensorboard / "validation", [9.0], first_step=3)
    cost = training_cost(run)
    assert cost.updates == 3 and [loss for _, loss in cost.losses["topic"]] == [3.0, 2.0, 1.5]


def test_a_run_without_events_has_cost_nothing(tmp_path):
    cost = training_cost(RunFolder(tmp_path))
    assert (cost.updates, cost.seconds, cost.tokens_per_second) == (0, 0.0, None)


def test_parameters_are_those_of_the_model_without_the_states_of_random_generators(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    model.save(tmp_path / "model.keras")
    assert parameters(tmp_path / "model.keras") == 3 * 4 + 4
