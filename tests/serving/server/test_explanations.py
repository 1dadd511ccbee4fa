"""Explanations over REST, beside those of the export."""

import pytest
import requests

from tests.serving.server.asked import PAIRS, SECONDS, TEXTS
from tfmtl.serving.prediction.explain import ExplainingPredictor
from tfmtl.serving.prediction.rows import Row
from tfmtl.serving.server.explanations import MOST_CHARACTERS, MOST_WORDS


@pytest.fixture(scope="module")
def expected(export_answerer):
    return ExplainingPredictor(export_answerer).answer([Row(*texts) for texts in zip(TEXTS, PAIRS, strict=True)])


def post(url, **body):
    return requests.post(url, json=body, timeout=SECONDS)


def assert_same(found, expected):
    assert [entry["word"] for entry in found] == [entry["word"] for entry in expected]
    assert [entry["weight"] for entry in found] == pytest.approx([entry["weight"] for entry in expected], abs=1e-4)


def test_a_server_explains_as_the_export_does(predict_url, expected):
    instances = [{"text": text, "text_pair": pair} for text, pair in zip(TEXTS, PAIRS, strict=True)]
    response = post(predict_url, instances=instances, explain=True)
    assert response.status_code == 200, response.text
    for found, answer in zip(response.json()["predictions"], expected, strict=True):
        assert not any(name.startswith("title_exp") for name in found)
        for task in ("topic", "same", "stars"):
            assert_same(found[f"{task}_explanation"], answer[task]["explanation"])
    # The column form, and a signature of one output.
    response = post(
        predict_url, inputs={"text_pair": PAIRS, "text": TEXTS}, explain=True, signature_name="stars"
    ).json()["outputs"]
    assert set(response) == {"stars_score", "stars_explanation"}
    assert_same(response["stars_explanation"][3], expected[3]["stars"]["explanation"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"signature_name": "title"}, "signature 'title' has no answer that can be explained"),
        ({"explain": "yes"}, "'explain' is neither true nor false: \"yes\""),
        (
            {"text": "a" * (MOST_CHARACTERS + 1)},
            f"the texts have {MOST_CHARACTERS + 1} characters; at most {MOST_CHARACTERS} are explained in one request",
        ),
        (
            {"text": "a " * (MOST_WORDS + 1)},
            f"the texts have {MOST_WORDS + 1} words; at most {MOST_WORDS} are explained in one request",
        ),
    ],
)
def test_what_is_not_explained_is_told(predict_url, body, message):
    body = {"explain": True, **body}
    instance = {"text": body.pop("text", "the cat"), "text_pair": ""}
    response = post(predict_url, instances=[instance], **body)
    assert (response.status_code, response.json()["error"]) == (400, message)
