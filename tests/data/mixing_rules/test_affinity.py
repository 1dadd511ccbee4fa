import json

import pytest

from tests.data.evidence import evidence, rule
from tfmtl.core.errors import ConfigurationError


def test_affinity_draws_what_helps_where_most_is_left(tmp_path):
    path = tmp_path / "affinity.json"
    names, matrix = ["one", "two", "three"], [[0.4, None, 0.1], [0.0, 0.2, -0.3], [0.2, 0.0, 0.5]]
    path.write_text(json.dumps({"tasks": names, "affinity": matrix}), encoding="utf-8")
    losses = {"one": 2.0, "two": 1.0, "three": 4.0}, {"one": 1.0, "two": 1.0, "three": 3.0}
    found = rule("affinity", affinity=str(path))
    # Left are 1/2, 1 and 3/4.
    of_tasks = 0.4 / 2 + 0.1 * 0.75, 0.2, 0.2 / 2 + 0.5 * 0.75
    weights = found.weights(evidence(*losses))
    assert weights == pytest.approx({"a": (of_tasks[0] + of_tasks[1]) / 2, "b": of_tasks[2]})
    assert found.options.affinity["one"] == {"one": 0.4, "three": 0.1}
    path.write_text("{}", encoding="utf-8")
    for broken, message in ((path, "not an 'affinity.json'"), (tmp_path / "affinity.jsno", "there is no such file")):
        with pytest.raises(ConfigurationError, match=rf"mixing\.rule\.affinity: .*{message}"):
            rule("affinity", affinity=str(broken))
