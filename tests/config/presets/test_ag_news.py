import pytest

from tfmtl.config.experiment import parse
from tfmtl.data.streams import load_streams

NAMES = ("World", "Sports", "Business", "Sci/Tech")


def test_it_has_the_four_desks_and_an_official_test():
    experiment = parse({"tasks": {"topic": {"preset": "ag_news"}}})
    assert experiment.tasks["topic"].labels == NAMES
    options = experiment.sources["ag_news"].options
    assert (options.name, options.train, options.validation, options.test) == ("ag_news_subset", "train", None, "test")


@pytest.fixture
def files(tmp_path):
    for name in ("train", "test"):
        rows = [f"{label},title {label} {i},text {label} {i}\n" for i in range(8) for label in NAMES]
        (tmp_path / f"{name}.csv").write_text("label,title,description\n" + "".join(rows))
    return {"format": "csv", "train": f"{tmp_path}/train.csv", "test": f"{tmp_path}/test.csv"}


def test_the_title_can_be_a_second_task_on_the_same_rows(files):
    title = {"kind": "summarization", "source": "ag_news", "text": "description", "summary": "title"}
    experiment = parse({"tasks": {"topic": {"preset": "ag_news", "source": files}, "title": title}})
    (stream,), tasks = load_streams(experiment)
    assert [task.name for task in stream.tasks] == ["topic", "title"]
    assert stream.splits["test"].targets["topic"].tolist() == [0, 1, 2, 3] * 8
    assert stream.splits["test"].targets["title"][1] == ("title Sports 0",)
    assert tasks["topic"].labels == NAMES
