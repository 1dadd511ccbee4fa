import pytest
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import metadata

from tfmtl.core.registry import KINDS
from tfmtl.training.callbacks.overview import Overview, hyperparameters, layout
from tfmtl.training.progress import Progress


@pytest.fixture
def tasks(data):
    return data.tasks


def test_a_training_begins_with_configuration_dashboard_and_hyperparameters(experiment, tasks, tmp_path, recorded):
    Overview(tmp_path, Progress(), experiment, tasks).on_train_begin()
    events = recorded(tmp_path)
    ((step, text),) = events.values("configuration")
    assert step == 0 and text == f"```yaml\n{experiment.to_yaml()}\n```"
    ((_, written),) = [
        (event.step, event.tensor_proto.string_val[0]) for event in events.events.Tensors("custom_scalars__config__")
    ]
    assert layout_pb2.Layout.FromString(written) == layout(tasks)
    (content,) = events.events.PluginTagToContent(metadata.PLUGIN_NAME).values()
    found = metadata.parse_session_start_info_plugin_data(content).hparams
    assert found["training.batch_size"].number_value == 12
    assert found["tasks.topic.kind"].string_value == experiment.tasks["topic"].kind


def test_a_training_that_goes_on_has_them(experiment, tasks, tmp_path):
    Overview(tmp_path, Progress(update=3), experiment, tasks).on_train_begin()
    assert not list(tmp_path.iterdir())


def test_each_task_has_a_page_with_the_curves_that_are_written_of_it(tasks):
    pages = {page.title: page for page in layout(tasks).category}
    assert list(pages) == ["all tasks", *tasks]
    charts = {chart.title: list(chart.multiline.tag) for chart in pages["topic"].chart}
    assert charts["topic: accuracy"] == ["^epoch/topic_accuracy$"]
    assert charts["topic: loss by epoch"] == ["^epoch/topic_loss$"]
    assert charts["topic: gradient norm"] == ["^gradient_norm/topic$"]
    assert KINDS.get(tasks["topic"].kind).options.kind_metrics == ("accuracy", "f1_macro", "matthews")


def test_hyperparameters_are_what_can_be_set(make_experiment):
    one, other = (
        hyperparameters(make_experiment(training={"learning_rate": rate, "seed": seed}))
        for rate, seed in ((0.01, 0), ({"trunk": 0.001, "heads": 0.01}, 1))
    )
    assert one["training.learning_rate"] == 0.01 and other["training.learning_rate.trunk"] == 0.001
    assert {key for key in one.keys() & other.keys() if one[key] != other[key]} == {"training.seed"}
    assert not any(key.startswith("sources") for key in one)
    assert one["model.encoder.hidden"] == 16 and one["generation.beams"] == 1
