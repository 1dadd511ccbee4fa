import json

from tfmtl.kinds.kind import kind_named
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.server.page import page


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
                "outputs": ["label", "probabilities"],
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
