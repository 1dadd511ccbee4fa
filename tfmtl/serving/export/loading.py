"""Loads exports; TensorFlow and TensorFlow Text are enough for it."""

from collections.abc import Collection
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of an export's tokenizer

from tfmtl.core.errors import RunError
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.ops import check_ops
from tfmtl.serving.export.signatures import ALL_TASKS


def load_export(version: Path, allowed_ops: Collection[str] = ()):
    """Returns the SavedModel of a version, if it is made of the ops of exports.

    Args:
        version: the directory of one version.
        allowed_ops: further ops that its graph may have.

    Raises:
        RunError: if it has other ones, or is damaged.
    """
    check_ops(version, allowed_ops)
    try:
        loaded = tf.saved_model.load(str(version))
        if ALL_TASKS not in loaded.signatures:
            raise ValueError(f"there is no signature '{ALL_TASKS}'")
    except Exception as error:  # A damaged file can make TensorFlow raise any exception.
        raise damaged(version, error) from None
    return loaded


def damaged(version: Path, error: Exception) -> RunError:
    """Returns the error, of one line, of an export that cannot be read or run."""
    return RunError(f"{version}: damaged: {' '.join(str(error).split())[:200] or type(error).__name__}")


def described(version: Path) -> Description:
    """Returns the description of a version, and warns if other versions of the ops made it."""
    description = Description.read(version)
    description.warn_of_other_versions(version)
    return description
