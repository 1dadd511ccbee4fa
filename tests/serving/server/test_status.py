from types import SimpleNamespace

import pytest
from google.protobuf import wrappers_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from tfmtl.serving.export.description import DESCRIPTION_FIELD, Description
from tfmtl.serving.export.signatures import ServedTask
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.status import SIGNATURES, model_metadata, model_status
from tfmtl.serving.server.versions import State


class FakeVersions:
    """Of which version 1 is damaged and version 2 answers."""

    all = {  # noqa: RUF012 - made once
        1: SimpleNamespace(number=1, state=State.END, error="/srv/models/1: damaged"),
        2: SimpleNamespace(number=2, state=State.AVAILABLE, error=""),
    }

    def find(self, number=None, label=None):
        if label == "stable":
            return self.all[2]
        raise RequestError(Fault.NOT_FOUND, "there is no such version")


def shown(*arguments):
    found = model_status(FakeVersions(), *arguments).model_version_status
    return [(each.version, each.state, each.status.error_code, each.status.error_message) for each in found]


def test_every_version_is_shown_the_newest_first_and_what_is_wrong_with_one():
    assert shown() == [(2, int(State.AVAILABLE), 0, ""), (1, int(State.END), 2, "1: damaged")]


def test_one_version_is_shown_by_its_number_or_its_label():
    assert [version for version, *_ in shown(1)] == [1]
    assert [version for version, *_ in shown(None, "stable")] == [2]
    with pytest.raises(RequestError, match="there is no such version"):
        shown(7)


def test_the_metadata_hold_what_was_asked_for():
    description = Description.of("tiny", {"topic": ServedTask(kind="classification", labels=("a", "b"))})
    definition = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    servable = SimpleNamespace(signature_defs={"serving_default": definition}, description=description)
    version = SimpleNamespace(number=3, servable=servable)
    response = model_metadata("tiny", version, [SIGNATURES, DESCRIPTION_FIELD])
    assert (response.model_spec.name, response.model_spec.version.value) == ("tiny", 3)
    signatures, text = SignatureDefMap(), wrappers_pb2.StringValue()
    assert response.metadata[SIGNATURES].Unpack(signatures) and response.metadata[DESCRIPTION_FIELD].Unpack(text)
    assert signatures.signature_def["serving_default"] == definition
    assert Description.model_validate_json(text.value) == description
    assert not model_metadata("tiny", version, []).metadata
