import numpy as np

import tfmtl
from tfmtl.runs.loading import load_best_model


def test_each_split_has_batches_that_the_model_reads(fitted):
    splits = tfmtl.datasets(fitted)
    assert list(splits) == ["train", "validation", "test"]
    model = load_best_model(fitted)
    rows = {}
    for split, batches in splits.items():
        tags = []
        for inputs, targets in batches:
            outputs = model(inputs)
            assert set(inputs) == set(model.input) and set(targets) == set(outputs)
            assert all(outputs[task].shape[0] == targets[task].shape[0] for task in targets)
            tags.append(targets["tags"].numpy())
        rows[split] = int((np.concatenate(tags) >= 0).all(axis=1).sum())
    # Rows whose number leaves 4 when it is divided by 5 have no tags.
    assert rows == {"train": 52, "validation": 19, "test": 19}
