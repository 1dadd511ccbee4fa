import tensorflow as tf

from tfmtl.training.callbacks.event_writers import EventWriters


def write(folder, steps, value, update=0):
    writers = EventWriters.of(folder, update)
    for part, writer in (("train", writers.train), ("validation", writers.validation)):
        for step in steps:
            with writer.as_default(step=step):
                tf.summary.scalar("epoch/loss", value + (part == "validation"))
    writers.flush()


def test_both_splits_have_a_folder_and_updates_that_are_made_again_are_there_once(tmp_path, recorded):
    write(tmp_path, [2, 4, 6, 8], 1.0)
    # A process that is killed leaves half of an event.
    (killed,) = (tmp_path / "train").iterdir()
    killed.write_bytes(killed.read_bytes()[:-5])
    write(tmp_path, [6, 8, 10], 0.5, update=4)
    expected = [(2, 1.0), (4, 1.0), (6, 0.5), (8, 0.5), (10, 0.5)]
    assert recorded(tmp_path / "train").values("epoch/loss") == expected
    assert recorded(tmp_path / "validation").values("epoch/loss") == [(step, value + 1) for step, value in expected]


def test_silent_writers_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writers = EventWriters.silent()
    with writers.train.as_default(step=1):
        tf.summary.scalar("epoch/loss", 1.0)
    writers.flush()
    assert not list(tmp_path.iterdir())
