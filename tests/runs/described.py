"""An experiment that nothing is trained of."""

from tfmtl.config.experiment import parse

LABELS = ("travel", "music")


def described(**sections):
    values = {
        "sources": {"articles": {"format": "tsv", "train": "train.tsv"}},
        "tasks": {"subject": {"kind": "classification", "source": "articles"}},
    }
    return parse({**values, **sections})


def labelled(experiment, labels=LABELS):
    return {name: task.model_copy(update={"labels": labels}) for name, task in experiment.tasks.items()}
