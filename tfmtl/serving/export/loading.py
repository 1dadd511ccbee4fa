"""Loads exports; TensorFlow and TensorFlow Text are enough for it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of an export's tokenizer

from tfmtl.core.errors import RunError
from tfmtl.core.regular_files import check_regular_files
from tfmtl.kinds.kind import kind_of
from tfmtl.serving.export.description import METADATA_FILE, Description
from tfmtl.serving.export.ops import check_ops
from tfmtl.serving.export.signatures import input_specs, signatures


def load_export(version: Path, allowed_ops: Collection[str] = ()):
    """Returns the description and the SavedModel of a version, if they fit together and it is made of an export's ops.

    Warns if other versions of the ops made it.

    Args:
        version: the directory of one version.
        allowed_ops: further ops that its graph may have.

    Raises:
        RunError: if it has other ones, is damaged, or does not have the signatures of the tasks in its description.
    """
    check_regular_files(version)
    description = Description.read(version)
    description.warn_of_other_versions(version)
    check_ops(version, allowed_ops)
    try:
        loaded = tf.saved_model.load(str(version))
    except Exception as error:  # A damaged file can make TensorFlow raise any exception.
        raise damaged(version, error) from None
    _check_signatures(version, description, loaded.signatures)
    return description, loaded


def _check_signatures(version: Path, description: Description, found: Mapping[str, Any]) -> None:
    """Checks that a graph has the inputs and outputs of the tasks that a description names."""
    tasks = description.tasks
    inputs = {spec.name for spec in input_specs(tasks)}
    for signature, answered in signatures(tasks).items():
        if signature not in found:
            raise _misfit(version, f"the graph has no signature '{signature}'")
        graph = found[signature]
        if set(graph.structured_input_signature[1]) != inputs:
            reads = ", ".join(sorted(graph.structured_input_signature[1]))
            raise _misfit(
                version, f"signature '{signature}' of the graph reads {reads}, not {', '.join(sorted(inputs))}"
            )
        outputs = {f"{name}_{suffix}" for name in answered for suffix in kind_of(tasks[name]).outputs}
        for name in sorted(outputs ^ set(graph.structured_outputs)):
            lacks = "lacks" if name in outputs else "has"
            raise _misfit(version, f"signature '{signature}' of the graph {lacks} the output '{name}'")


def _misfit(version: Path, reason: str) -> RunError:
    return RunError(f"{version / METADATA_FILE}: does not describe the graph beside it: {reason}")


def damaged(version: Path, error: Exception) -> RunError:
    """Returns the error, of one line, of an export that cannot be read or run."""
    return RunError(f"{version}: damaged: {' '.join(str(error).split())[:200] or type(error).__name__}")
