import json

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
        "tasks": {"topic": {"kind": "classification", "pair": False, "labels": [label, "b"]}},
    }
