"""The files with which an operator starts TensorFlow Serving: its configuration, Docker Compose and Kubernetes."""

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError
from tfmtl.serving.export.description import METADATA_FILE, Description, required_versions
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES

GRPC_PORT, REST_PORT = 8500, 8501
MONITORING_PATH = "/monitoring/prometheus/metrics"

_MODELS = Path("/models")
_CONFIGURATION = Path("/config")
_BATCH_TIMEOUT_MICROSECONDS = 5000
_ENQUEUED_BATCHES = 64
_GRACE_SECONDS = 60
"""The time to load and warm up a model, and to answer the requests under way at the end."""


def write_server_config(export: Path, to: Path) -> Path:
    """Writes the files that serve an export, into one folder.

    Args:
        export: the folder of an export, which contains its versions.
        to: the folder for the files; created if it does not exist. Files that exist are replaced.

    Returns:
        `to`.

    Raises:
        RunError: if the folder contains no export, or cannot be written.
    """
    versions = required_versions(export)
    description = Description.read(export / str(versions[-1]))
    files = {
        "models.config": models_config(description.name, versions),
        "batching.config": batching_config(os.cpu_count() or 1),
        "monitoring.config": monitoring_config(),
        "docker-compose.yml": _yaml(compose(description, export.resolve())),
        "kubernetes.yaml": _yaml(*kubernetes(description)),
    }
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with atomic_write(to / name) as aside:
                aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{to}: cannot be written: {error.strerror}") from None
    return to


def models_config(name: str, versions: list[int]) -> str:
    """Returns a `ModelServerConfig` that labels the newest version canary and the one before it stable."""
    served = versions[-2:]
    labels = {"stable": served[0], "canary": served[-1]}
    lines = [f"      versions: {version}" for version in served]
    labelled = [f"    version_labels {{ key: {json.dumps(label)} value: {v} }}" for label, v in labels.items()]
    return "\n".join(
        [
            "model_config_list {",
            "  config {",
            f"    name: {json.dumps(name)}",
            f"    base_path: {json.dumps(str(_MODELS / name))}",
            '    model_platform: "tensorflow"',
            "    model_version_policy {",
            "      specific {",
            *("  " + line for line in lines),
            "      }",
            "    }",
            *labelled,
            "  }",
            "}",
            "",
        ]
    )


def batching_config(threads: int) -> str:
    """Returns `BatchingParameters` whose allowed sizes are those for which the export is warmed up."""
    values = {
        "max_batch_size": max(ALLOWED_BATCH_SIZES),
        "batch_timeout_micros": _BATCH_TIMEOUT_MICROSECONDS,
        "max_enqueued_batches": _ENQUEUED_BATCHES,
        "num_batch_threads": threads,
    }
    lines = [f"{name} {{ value: {value} }}" for name, value in values.items()]
    return "\n".join([*lines, *(f"allowed_batch_sizes: {size}" for size in ALLOWED_BATCH_SIZES), ""])


def monitoring_config() -> str:
    """Returns a `MonitoringConfig` that Prometheus reads at `MONITORING_PATH` of the REST port."""
    return f"prometheus_config {{\n  enable: true\n  path: {json.dumps(MONITORING_PATH)}\n}}\n"


def compose(description: Description, export: Path) -> dict[str, Any]:
    """Returns the Docker Compose project that serves an export from its present folder."""
    return {
        "services": {
            "tensorflow-serving": {
                "image": _image(description),
                "command": _arguments(),
                "ports": [f"127.0.0.1:{GRPC_PORT}:{GRPC_PORT}", f"127.0.0.1:{REST_PORT}:{REST_PORT}"],
                "volumes": [
                    {
                        "type": "bind",
                        # Docker Compose would put variables of the environment into it.
                        "source": str(export).replace("$", "$$"),
                        "target": str(_MODELS / description.name),
                        "read_only": True,
                    },
                    {"type": "bind", "source": ".", "target": str(_CONFIGURATION), "read_only": True},
                ],
                "stop_grace_period": f"{_GRACE_SECONDS}s",
                "restart": "unless-stopped",
            }
        }
    }


def kubernetes(description: Description) -> list[dict[str, Any]]:
    """Returns a Deployment with probes, a Service and a HorizontalPodAutoscaler.

    The models come from a PersistentVolumeClaim, the configuration from a ConfigMap, both named after the model.
    """
    name = _dns_label(description.name)
    labels = {"app": name}
    metadata = {"name": name, "labels": labels}
    scrape = {"scrape": "true", "path": MONITORING_PATH, "port": str(REST_PORT)}
    scraped = {"labels": labels, "annotations": {f"prometheus.io/{key}": value for key, value in scrape.items()}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": scraped, "spec": _pod(description, name)},
        },
    }
    ports = [{"name": "grpc", "port": GRPC_PORT}, {"name": "rest", "port": REST_PORT}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": labels, "ports": ports},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }
    return [deployment, service, autoscaler]


def _pod(description: Description, name: str) -> dict[str, Any]:
    """Returns the pods of the Deployment `name`: a server that reads models and configuration from volumes."""
    ready = {"httpGet": {"path": f"/v1/models/{description.name}", "port": "rest"}}
    container = {
        "name": "tensorflow-serving",
        "image": _image(description),
        "args": _arguments(),
        "ports": [{"name": "grpc", "containerPort": GRPC_PORT}, {"name": "rest", "containerPort": REST_PORT}],
        "startupProbe": {**ready, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**ready, "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": "grpc"}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        "volumeMounts": [
            {"name": "models", "mountPath": str(_MODELS), "readOnly": True},
            {"name": "configuration", "mountPath": str(_CONFIGURATION), "readOnly": True},
        ],
    }
    return {
        "containers": [container],
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "volumes": [
            {"name": "models", "persistentVolumeClaim": {"claimName": name, "readOnly": True}},
            {"name": "configuration", "configMap": {"name": name}},
        ],
    }


def _dns_label(name: str) -> str:
    """Returns a name that Kubernetes accepts for a Service (RFC 1035): a letter, then letters, digits and hyphens."""
    label = re.sub(r"[^a-z0-9]+", "-", name.lower())
    return (label if label[0].isalpha() else f"model-{label}")[:63].rstrip("-")


def _image(description: Description) -> str:
    """Returns the server image whose TensorFlow has the minor version that made the export."""
    release = description.versions.get("tensorflow")
    if release is None:
        raise RunError(f"{description.name}: its {METADATA_FILE} does not say which TensorFlow made it")
    major, minor, *_ = release.split(".")
    return f"tensorflow/serving:{major}.{minor}.0"


def _arguments() -> list[str]:
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={_CONFIGURATION / 'models.config'}",
        "--model_config_file_poll_wait_seconds=30",
        "--enable_batching=true",
        f"--batching_parameters_file={_CONFIGURATION / 'batching.config'}",
        f"--monitoring_config_file={_CONFIGURATION / 'monitoring.config'}",
        "--allow_version_labels_for_unavailable_models=true",
    ]


def _yaml(*documents: dict[str, Any]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)
