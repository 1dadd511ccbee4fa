import json

from tfmtl.training.progress import Progress


def test_the_epoch_is_that_of_the_next_update():
    places = [(p.epoch, p.within_epoch) for p in (Progress(update, 3) for update in (0, 2, 3, 7))]
    assert places == [(0, 0), (0, 2), (1, 0), (2, 1)]


def test_it_survives_json():
    progress = Progress(4, 3, history=[{"loss": 1.0}], task_best={"topic": [0.5, 1]}, stopped_tasks=["title"])
    assert Progress(**json.loads(json.dumps(progress.as_mapping()))) == progress
