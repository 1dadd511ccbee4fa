"""The page of a server, which shows the labels with their probabilities and the summary of a pasted text."""

import base64
import hashlib
import json
import re
from importlib import resources

from tfmtl.kinds.kind import kind_named, kind_of
from tfmtl.serving.export.description import Description

_MODEL, _SCRIPTS = "{{model}}", "{{kinds}}"


def page(name: str, description: Description) -> str:
    """Returns the HTML of the page of a model.

    Args:
        name: the name of the model, as the server knows it.
        description: the description of the version that answers by default.
    """
    tasks = {task: served.model_dump(exclude={"missing"}) for task, served in description.tasks.items()}
    for task, served in description.tasks.items():
        tasks[task] |= {"outputs": kind_of(served).outputs, "explains": kind_of(served).explains}
    # Escaped, so that no name can end the script that contains it.
    model = json.dumps({"name": name, "tasks": tasks}).replace("<", "\\u003c")
    kinds = dict.fromkeys(served.kind for served in description.tasks.values())
    scripts = "".join(f"  {json.dumps(kind)}: {kind_named(kind).page_script.strip()},\n" for kind in kinds)
    html = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return html.replace(_SCRIPTS, scripts).replace(_MODEL, model)


def content_policy(html: str) -> str:
    """Returns the Content-Security-Policy that allows a page its own scripts and styles, and requests to its server."""
    allowed = {tag: " ".join(map(_hash, re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL))) for tag in _INLINE}
    return (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_INLINE = ("script", "style")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
