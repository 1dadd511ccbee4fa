"""What the services make of a request; how a server answers it is in `test_serve.py` and `test_refused_requests.py`."""

import asyncio

import numpy as np
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2

from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.grpc_services import PredictionService, _filtered, _version


def spec(**choice):
    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name="tiny", version_label=choice.get("label", ""))
    )
    if "number" in choice:
        request.model_spec.version.value = choice["number"]
    elif "label" not in choice:
        request.model_spec.ClearField("version_label")
    return request.model_spec


@pytest.mark.parametrize(
    ("choice", "expected"), [({}, (None, None)), ({"number": 3}, (3, None)), ({"label": "stable"}, (None, "stable"))]
)
def test_a_version_is_asked_for_by_number_by_label_or_not_at_all(choice, expected):
    assert _version(spec(**choice)) == expected


def test_a_filter_chooses_outputs_and_an_unknown_one_is_named():
    outputs = {"topic_label": np.array(["a"]), "stars_score": np.array([1.0])}
    assert _filtered(outputs, []) == outputs
    assert list(_filtered(outputs, ["stars_score"])) == ["stars_score"]
    with pytest.raises(RequestError, match=r"^there is no output 'topic_lable'; did you mean 'topic_label'") as caught:
        _filtered(outputs, ["topic_lable"])
    assert caught.value.fault is Fault.INVALID


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "'metadata_field' is empty; known: signature_def, "),
        (["signature_deff"], "there is no metadata 'signature_deff'; did you mean 'signature_def'"),
    ],
)
def test_metadata_that_there_are_not_are_answered_with_those_there_are(fields, message):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    with pytest.raises(RequestError, match=f"^{message}"):
        asyncio.run(PredictionService(None, None)._metadata(request))
