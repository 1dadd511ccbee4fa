"""A loaded version of an export, with its signatures and their inputs."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfmtl.core.errors import nearest
from tfmtl.serving.export.loading import damaged, load_export
from tfmtl.serving.export.ops import read_graph
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES, warmup_records
from tfmtl.serving.prediction.predictor import of_signatures
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.tensors import strings_of

Arrays = Mapping[str, np.ndarray]


class Servable:
    """Answers the signatures of one version.

    Args:
        path: the version's directory.
        allowed_ops: further ops that its graph may have.

    Attributes:
        description: the description of the export.
        signature_defs: the signatures with their inputs and outputs, by name.

    Raises:
        RunError: if the version is damaged, or its graph has other ops than those of exports.
    """

    def __init__(self, path: Path, allowed_ops: Collection[str] = ()):
        self.description, self._loaded = load_export(path, allowed_ops)
        self.signature_defs = _signature_defs(path)
        of_signatures(path, self.description.tasks, self._loaded.signatures)
        try:
            self._warm_up(path)
        except Exception as error:  # A damaged file can make TensorFlow raise any exception.
            raise damaged(path, error) from None

    def input_names(self, signature: str) -> tuple[str, ...]:
        """Returns the inputs of a signature.

        Raises:
            RequestError: if there is no such signature.
        """
        return tuple(self.signature_def(signature).inputs)

    def signature_def(self, signature: str) -> meta_graph_pb2.SignatureDef:
        """Returns the inputs and outputs of a signature.

        Raises:
            RequestError: if there is no such signature.
        """
        if signature not in self.signature_defs:
            known = nearest(signature, self.signature_defs)
            raise RequestError(Fault.INVALID, f"there is no signature '{signature}'; {known}")
        return self.signature_defs[signature]

    def check_names(self, signature: str, inputs: Iterable[str]) -> None:
        """Checks, before anything of them is read, that inputs are those of a signature.

        Raises:
            RequestError: if there is no such signature, or an input is missing or unknown.
        """
        names = self.input_names(signature)
        for name in inputs:
            if name not in names:
                raise RequestError(
                    Fault.INVALID, f"signature '{signature}' has no input '{name}'; {nearest(name, names)}"
                )
        for name in names:
            if name not in inputs:
                raise RequestError(Fault.INVALID, f"signature '{signature}' needs the input '{name}'")

    def check(self, signature: str, inputs: Arrays) -> int:
        """Returns the number of rows that a request asks about.

        Raises:
            RequestError: if an input is missing or unknown, is not a string, or has the wrong rank or length.
        """
        self.check_names(signature, inputs)
        for name in inputs:
            if inputs[name].dtype != object:
                raise RequestError(Fault.INVALID, f"input '{name}' is {inputs[name].dtype}; expected strings")
            if inputs[name].ndim != 1:
                shape = list(inputs[name].shape)
                raise RequestError(
                    Fault.INVALID, f"input '{name}' has the shape {shape}; expected one string per row: [rows]"
                )
        lengths = {name: len(values) for name, values in inputs.items()}
        if len(set(lengths.values())) > 1:
            raise RequestError(Fault.INVALID, f"the inputs differ in their number of rows: {lengths}")
        rows = next(iter(lengths.values()))
        if not rows:
            raise RequestError(Fault.INVALID, "the request has no rows")
        return rows

    def run(self, signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature, with a first axis of rows, for inputs that `check` accepts."""
        tensors = {name: tf.constant(values, tf.string) for name, values in inputs.items()}
        return {name: value.numpy() for name, value in self._loaded.signatures[signature](**tensors).items()}

    def _warm_up(self, path: Path) -> None:
        """Makes the export's warm-up requests of one row, which are enough because shapes are not compiled."""
        for record in warmup_records(path):
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            signature = request.model_spec.signature_name
            self.check_names(signature, request.inputs)
            inputs = {name: strings_of(tensor, max(ALLOWED_BATCH_SIZES)) for name, tensor in request.inputs.items()}
            if self.check(signature, inputs) == 1:
                self.run(signature, inputs)


def _signature_defs(path: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    definitions = read_graph(path).signature_def.items()
    return {name: definition for name, definition in definitions if definition.method_name}
