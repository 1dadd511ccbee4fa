from tfmtl.config.experiment import parse
from tfmtl.kinds.translation.options import Translation


def test_the_target_is_the_field_of_the_translation():
    assert Translation(source="s").target_fields == ("target",)
    assert Translation(source="s", target="de").target_fields == ("de",)


def test_the_contracts_metrics_are_always_measured_and_chrf_chooses_the_best_model():
    task = Translation(source="s")
    assert task.all_metrics == ("chrf", "bleu")
    assert task.primary == "chrf"


def test_copying_is_off_and_a_key_of_the_task():
    assert Translation(source="s").copy_source is False
    section = {"sources": {"s": {"format": "jsonl", "train": "a.jsonl"}}, "tasks": {"german": {"kind": "translation"}}}
    experiment = parse({**section, "tasks": {"german": {"kind": "translation", "copy": True}}})
    assert experiment.tasks["german"].copy_source is True
    assert experiment.as_mapping()["tasks"]["german"]["copy"] is True
    assert parse(experiment.as_mapping()) == experiment
    assert parse(section).as_mapping()["tasks"]["german"]["copy"] is False
