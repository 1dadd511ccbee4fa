"""The page of a server: paste a text, see its labels with their probabilities and its summary."""

import json
from importlib import resources

from tfmtl.serving.export.description import Description

_PLACE = "{{model}}"


def page(name: str, description: Description) -> str:
    """Returns the HTML of the page of a model.

    Args:
        name: of the model, as the server knows it.
        description: of the version that answers by default.
    """
    model = {"name": name, "tasks": {task: served.model_dump() for task, served in description.tasks.items()}}
    # So that no name can end the script that holds it.
    text = json.dumps(model).replace("<", "\\u003c")
    return resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8").replace(_PLACE, text)
