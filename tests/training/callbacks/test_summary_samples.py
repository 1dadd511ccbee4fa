import tensorflow as tf

from tfmtl.training.callbacks.summary_samples import SummarySamples, as_markdown
from tfmtl.training.progress import Progress

HEAD = "| text | reference | generated |\n| --- | --- | --- |"


def test_the_samples_of_each_task_and_epoch_stand_at_its_last_update(tmp_path, recorded):
    writer, progress = tf.summary.create_file_writer(str(tmp_path)), Progress(updates_per_epoch=5)
    written = {"title": [("a text", "its title", "a title")], "note": [("b", "c", "d"), ("e", "f", "g")]}
    callback = SummarySamples(writer, progress, lambda: written)
    for epoch in range(2):
        progress.update += 5
        callback.on_epoch_end(epoch, {})
        written = {"title": [("a text", "its title", f"epoch {epoch}")]}
    writer.flush()
    events = recorded(tmp_path)
    assert events.tags == {"summaries/title", "summaries/note"}
    assert events.values("summaries/title") == [
        (5, f"{HEAD}\n| a text | its title | a title |"),
        (10, f"{HEAD}\n| a text | its title | epoch 0 |"),
    ]
    assert events.values("summaries/note") == [(5, f"{HEAD}\n| b | c | d |\n| e | f | g |")]


def test_without_samples_nothing_is_written(tmp_path, recorded):
    writer = tf.summary.create_file_writer(str(tmp_path))
    SummarySamples(writer, Progress(), dict).on_epoch_end(0, {})
    writer.flush()
    assert recorded(tmp_path).tags == set()


def test_a_sample_is_one_line_of_the_table_whatever_stands_in_it():
    samples = [("two\n\nlines\tand  more", "a | b", ""), ("x" * 400, "", "\U0001f600")]
    assert as_markdown(samples) == (f"{HEAD}\n| two lines and more | a \\| b |  |\n| {'x' * 300} |  | \U0001f600 |")
    assert as_markdown([]) == HEAD
