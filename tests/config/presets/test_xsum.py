from tfmtl.config.experiment import parse

EXPERIMENT = parse({"tasks": {"task": {"preset": "xsum"}}})


def test_it_reads_the_fields_that_tensorflow_datasets_has():
    task = EXPERIMENT.tasks["task"]
    assert (task.kind, task.text, task.target_fields) == ("summarization", "document", ("summary",))


def test_its_splits_are_the_official_ones():
    source = EXPERIMENT.sources["xsum"]
    assert source.name == "tfds"
    assert (source.options.name, source.options.splits) == ("xsum", {})
    assert (source.options.train, source.options.validation, source.options.test) == ("train", "validation", "test")
