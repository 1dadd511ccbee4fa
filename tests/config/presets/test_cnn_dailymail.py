from tfmtl.config.experiment import parse

EXPERIMENT = parse({"tasks": {"task": {"preset": "cnn_dailymail"}}})


def test_it_reads_the_fields_that_tensorflow_datasets_has():
    task = EXPERIMENT.tasks["task"]
    assert (task.kind, task.text, task.target_fields) == ("summarization", "article", ("highlights",))


def test_its_splits_are_the_official_ones():
    source = EXPERIMENT.sources["cnn_dailymail"]
    assert source.name == "tfds"
    assert (source.options.name, source.options.splits) == ("cnn_dailymail", {})
    assert (source.options.train, source.options.validation, source.options.test) == ("train", "validation", "test")
