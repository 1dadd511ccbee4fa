"""Imports TensorFlow without the messages that its libraries print while they are loaded."""

import importlib
import logging
import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Imports TensorFlow and TF Text, and shows what they write to standard error only if the import fails.

    `TF_CPP_MIN_LOG_LEVEL` silences TensorFlow once its logging is set up, but not before. If the user has set it to
    less than 3, nothing is held back.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3" or "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    # Each set of tasks has a function of its own, traced once; TensorFlow mistakes them for one that is retraced.
    logging.getLogger("tensorflow").addFilter(lambda record: "triggered tf.function retracing" not in str(record.msg))
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
            importlib.import_module("tensorflow_text")
        except BaseException:
            held_back.seek(0)
            os.write(standard_error, held_back.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
