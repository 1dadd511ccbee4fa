import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

from tfmtl.core.errors import RunError
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.export.server_config import (
    batching_config,
    kubernetes,
    models_config,
    monitoring_config,
    write_server_config,
)
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES


@pytest.fixture
def served(tmp_path):
    """The folder of an export with two versions, of which only what describes them is there."""
    folder = tmp_path / "saved_models" / "Ticket_Router"
    for version in ("3", "12"):
        (folder / version).mkdir(parents=True)
        (folder / version / "saved_model.pb").touch()
        Description.of("Ticket_Router", {"queue": ServedTask(kind="regression")}).write(folder / version)
    return folder


def parsed(text):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def test_the_newest_version_is_the_canary_and_the_one_before_it_stable():
    (config,) = parsed(models_config('tick"ets', [1, 3, 12])).model_config_list.config
    assert (config.name, config.base_path, config.model_platform) == ('tick"ets', '/models/tick"ets', "tensorflow")
    assert [*config.model_version_policy.specific.versions] == [3, 12]
    assert dict(config.version_labels) == {"stable": 3, "canary": 12}


def test_a_single_version_is_both():
    (config,) = parsed(models_config("tickets", [2])).model_config_list.config
    assert [*config.model_version_policy.specific.versions] == [2]
    assert dict(config.version_labels) == {"stable": 2, "canary": 2}


Field = descriptor_pb2.FieldDescriptorProto


@pytest.fixture(scope="module")
def messages():
    """The server's messages that its Python package leaves out: fields, numbers and types are those of its protocol."""
    file = descriptor_pb2.FileDescriptorProto(name="left_out.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")

    def add(name, **fields):
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            plain = {"repeated int64": Field.TYPE_INT64, "bool": Field.TYPE_BOOL, "string": Field.TYPE_STRING}
            label = Field.LABEL_REPEATED if kind.startswith("repeated") else Field.LABEL_OPTIONAL
            declared = message.field.add(name=field, number=number, label=label)
            declared.type = plain.get(kind, Field.TYPE_MESSAGE)
            if kind not in plain:
                declared.type_name = kind

    count = ".google.protobuf.Int64Value"
    counts = dict.fromkeys(
        ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"], count
    )
    add(
        "BatchingParameters",
        **counts,
        thread_pool_name=".google.protobuf.StringValue",
        allowed_batch_sizes="repeated int64",
        pad_variable_length_inputs="bool",
    )
    add("PrometheusConfig", enable="bool", path="string")
    add("MonitoringConfig", prometheus_config=".tensorflow.serving.PrometheusConfig")
    pool = descriptor_pool.DescriptorPool()
    for serialized in (wrappers_pb2.DESCRIPTOR.serialized_pb, file.SerializeToString()):
        pool.AddSerializedFile(serialized)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.serving.{name}"))()


def test_batches_have_the_sizes_that_are_warm(messages):
    found = text_format.Parse(batching_config(threads=3), messages("BatchingParameters"))
    assert [*found.allowed_batch_sizes] == [*ALLOWED_BATCH_SIZES] == sorted(ALLOWED_BATCH_SIZES)
    # The server asks for the largest of them to be the most that it gathers.
    assert found.max_batch_size.value == ALLOWED_BATCH_SIZES[-1]
    assert (found.num_batch_threads.value, found.max_enqueued_batches.value) == (3, 64)
    assert found.batch_timeout_micros.value == 5000


def test_prometheus_reads_where_kubernetes_says(messages):
    found = text_format.Parse(monitoring_config(), messages("MonitoringConfig")).prometheus_config
    assert (found.enable, found.path) == (True, "/monitoring/prometheus/metrics")


def test_all_files_are_written_and_name_each_other(served, tmp_path):
    folder = write_server_config(served, tmp_path / "config")
    names = {"models.config", "batching.config", "monitoring.config", "docker-compose.yml", "kubernetes.yaml"}
    assert {path.name for path in folder.iterdir()} == names
    (service,) = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"].values()
    for name in ("models", "batching", "monitoring"):
        assert any(argument.endswith(f"=/config/{name}.config") for argument in service["command"])
    volumes = {volume["target"]: volume["source"] for volume in service["volumes"]}
    assert volumes == {"/models/Ticket_Router": str(served.resolve()), "/config": "."}
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_kubernetes_objects_belong_together(served, tmp_path):
    folder = write_server_config(served, tmp_path / "config")
    objects = {part["kind"]: part for part in yaml.safe_load_all((folder / "kubernetes.yaml").read_text())}
    assert set(objects) == {"Deployment", "Service", "HorizontalPodAutoscaler"}
    template = objects["Deployment"]["spec"]["template"]
    assert objects["Service"]["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "ticket-router"
    annotations = template["metadata"]["annotations"]
    assert {key.removeprefix("prometheus.io/"): value for key, value in annotations.items()} == {
        "scrape": "true",
        "path": "/monitoring/prometheus/metrics",
        "port": "8501",
    }
    (container,) = template["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/v1/models/Ticket_Router", "port": "rest"}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {mount["name"] for mount in container["volumeMounts"]} == {v["name"] for v in template["spec"]["volumes"]}


@pytest.mark.parametrize(
    ("name", "label"),
    [("My.Run-", "my-run"), ("2024_run", "model-2024-run"), ("a__b", "a-b"), ("x" * 62 + "--y", "x" * 62)],
)
def test_kubernetes_objects_have_names_that_it_takes(name, label):
    description = Description.of(name, {"queue": ServedTask(kind="regression")})
    assert {part["metadata"]["name"] for part in kubernetes(description)} == {label}


def test_where_nothing_is_exported_nothing_is_written(tmp_path):
    with pytest.raises(RunError, match=r"none: there is no such export folder$"):
        write_server_config(tmp_path / "none", tmp_path / "config")
    with pytest.raises(RunError, match=r"there is no version of an export in it$"):
        write_server_config(tmp_path, tmp_path / "config")
    version = tmp_path / "tickets" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    with pytest.raises(RunError, match=rf"there is no version of an export in it; did you mean '{version.parent}'\?$"):
        write_server_config(tmp_path, tmp_path / "config")
    (tmp_path / "config.yaml").touch()
    with pytest.raises(RunError, match=rf"this is a run; make an export of it with 'tfmtl export {tmp_path}'$"):
        write_server_config(tmp_path, tmp_path / "config")
    assert not (tmp_path / "config").exists()


def test_a_path_with_variables_in_it_is_meant_as_it_is(served, tmp_path):
    odd = tmp_path / "${HOME} 'a: b"
    served.parent.rename(odd)
    folder = write_server_config(odd / served.name, tmp_path / "config")
    (service,) = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"].values()
    # Docker Compose reads two dollars as one, and one as the beginning of a variable.
    assert service["volumes"][0]["source"] == f"{tmp_path}/$${{HOME}} 'a: b/Ticket_Router"


def test_an_export_that_does_not_say_what_made_it_is_refused(served, tmp_path):
    Description(name="Ticket_Router", tasks={"queue": ServedTask(kind="regression")}, versions={}).write(served / "12")
    with pytest.raises(RunError, match=r"Ticket_Router: its metadata\.json does not say which TensorFlow made it"):
        write_server_config(served, tmp_path / "config")
