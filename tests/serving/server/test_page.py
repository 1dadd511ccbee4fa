import base64
import hashlib
import json

from tfmtl.kinds.kind import kind_named
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.server.page import content_policy, page


def test_names_cannot_leave_the_place_that_holds_them():
    label = "</script><script>alert(1)</script>"
    tasks = {"topic": ServedTask(kind="classification", labels=(label, "b"))}
    html = page("a<b", Description(name="x", tasks=tasks, versions={}))
    assert html.count("<script") == 2 and html.count("</script>") == 2
    model = json.loads(html.split('id="model">')[1].split("</script>")[0])
    assert model == {
        "name": "a<b",
        "tasks": {
            "topic": {
                "kind": "classification",
                "pair": False,
                "labels": [label, "b"],
                "text": "text",
                "text_pair": "text_pair",
                "options": {},
                "outputs": ["label", "probabilities"],
                "explains": True,
            }
        },
    }


def test_each_kind_of_its_tasks_says_how_an_answer_is_shown():
    kinds = ("classification", "regression", "summarization")
    tasks = {kind[0]: ServedTask(kind=kind, labels=("a", "b") if kind == "classification" else ()) for kind in kinds}
    html = page("tiny", Description(name="tiny", tasks=tasks, versions={}))
    assert "{{" not in html
    for kind in kinds:
        assert html.count(f'  "{kind}": {kind_named(kind).page_script.strip()},\n') == 1
    twice = {"a": tasks["r"], "b": tasks["r"]}
    html = page("tiny", Description(name="tiny", tasks=twice, versions={}))
    assert html.count('  "regression": ') == 1 and '"summarization": ' not in html


def test_its_own_script_and_style_are_allowed_and_no_other():
    tasks = {"topic": ServedTask(kind="classification", labels=("a", "b"))}
    html = page("tiny", Description(name="tiny", tasks=tasks, versions={}))
    policy = dict(part.strip().split(" ", 1) for part in content_policy(html).split(";"))
    for tag in ("script", "style"):
        content = html.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'"


def test_a_link_does_not_ask():
    html = page("tiny", Description(name="tiny", tasks={"topic": ServedTask(kind="regression")}, versions={}))
    assert "requestSubmit" not in html and ".submit(" not in html and ".click(" not in html
