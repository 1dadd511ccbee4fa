"""What every signature has in common; each one's own tests are beside this file."""

import pytest

from tests.serving.export.endpoints.served import TASKS
from tfmtl.core.registry import SIGNATURES


@pytest.mark.parametrize("name", [entry.name for entry in SIGNATURES])
def test_a_signature_answers_tasks_that_there_are_once_and_in_their_order(name):
    entry = SIGNATURES.get(name)
    answered = entry.build(TASKS)
    assert isinstance(answered, tuple) and answered == tuple(task for task in TASKS if task in answered)
    assert entry.build({}) == ()
    assert entry.summary and entry.build.__module__ == f"tfmtl.serving.export.endpoints.{name}"
