from tfmtl.config.experiment import parse

EXPERIMENT = parse({"tasks": {"task": {"preset": "samsum"}}})


def test_it_reads_the_fields_that_tensorflow_datasets_has():
    task = EXPERIMENT.tasks["task"]
    assert (task.kind, task.text, task.target_fields) == ("summarization", "dialogue", ("summary",))


def test_its_splits_are_the_official_ones():
    source = EXPERIMENT.sources["samsum"]
    assert source.name == "tfds"
    assert (source.options.name, source.options.splits) == ("samsum", {})
    assert (source.options.train, source.options.validation, source.options.test) == ("train", "validation", "test")


def test_the_dialogue_that_the_data_left_empty_is_skipped():
    assert EXPERIMENT.sources["samsum"].options.empty_text == "skip"
