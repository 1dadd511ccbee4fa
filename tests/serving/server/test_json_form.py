import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.json_form import Body, as_columns, as_json, as_rows, of_columns, of_rows

PREDICT = ["instances", "inputs"]
NAMES = ["text", "text_pair", "b64", "", "\ud800"]
LETTERS = "a\0\u00e9\ud800"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def array(*values: bytes) -> np.ndarray:
    return np.array([*values, None], object)[:-1]


@given(st.lists(st.tuples(TEXTS, TEXTS)))
def test_rows_and_columns_say_the_same(pairs):
    rows = json.loads(json.dumps([{"text": text, "text_pair": pair} for text, pair in pairs]))
    columns = {"text": [text for text, _ in pairs], "text_pair": [pair for _, pair in pairs]}
    names = ["text", "text_pair"]
    for inputs in (of_rows(rows, names), of_columns(columns, names)):
        assert {name: [value.decode() for value in values] for name, values in inputs.items()} == columns


def test_one_input_needs_no_name():
    for inputs in (of_rows(["a", "b"], ["text"]), of_columns(["a", "b"], ["text"])):
        assert list(inputs) == ["text"] and inputs["text"].tolist() == [b"a", b"b"]


def test_bytes_are_given_in_base64():
    binary = {"b64": base64.b64encode(b"\xff\x00").decode()}
    assert of_rows([binary], ["text"])["text"].tolist() == [b"\xff\x00"]
    assert of_rows([{"text": binary}], ["text"])["text"].tolist() == [b"\xff\x00"]


def test_half_of_a_surrogate_pair_becomes_a_question_mark():
    assert of_rows([json.loads('"a\\ud800"')], ["text"])["text"].tolist() == [b"a?"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON: Expecting value at line 1, column 1"),
        (b'{"instances": ["a"', "not JSON"),
        (b'{"instances": ["\xff"]}', "not UTF-8, at byte 16"),
        (b"[1]", r"not a JSON object: \[1\]"),
        (b'{"instances": [], "inputs": []}', "either 'instances'"),
        (b"{}", "either 'instances'"),
        (b'{"instances": [], "signature": "a"}', "unknown field 'signature'; did you mean 'signature_name'"),
        (b'{"instances": [], "signature_name": 3}', "'signature_name' is not a string: 3"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_cannot_be_read_is_told(content, message):
    with pytest.raises(RequestError, match=message) as error:
        Body.parse(content, PREDICT).is_row_form()
    assert error.value.fault is Fault.INVALID


def test_the_signature_of_all_tasks_is_asked_where_none_is_named():
    assert Body.parse(b'{"instances": []}', PREDICT).signature == "serving_default"
    assert Body.parse(b'{"instances": [], "signature_name": ""}', PREDICT).signature == "serving_default"
    assert Body.parse(b'{"instances": [], "signature_name": "classify"}', PREDICT).signature == "classify"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a", "'instances' is not a list"),
        (["a"], r"instances\[0\] is not an object with the inputs text, text_pair"),
        ([{"text": "a", "text_pair": "b"}, {"text": "a"}], r"instances\[1\] has no 'text_pair'"),
        ([{"text": "a", "txt_pair": "b"}], "no input 'txt_pair'; did you mean 'text_pair'"),
        ([{"text": 3, "text_pair": "b"}], r"instances\[0\]: 'text' is not a string: 3"),
        ([{"text": ["a"], "text_pair": "b"}], r"'text' is not a string: \[\"a\"\]"),
        ([{"text": {"b64": "?"}, "text_pair": "b"}], "'text' is not base64"),
    ],
)
def test_rows_that_cannot_be_used_are_told_with_their_place(rows, message):
    with pytest.raises(RequestError, match=message):
        of_rows(rows, ["text", "text_pair"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a"], "not an object with the inputs"),
        ({"text": "a"}, "'text' is not a list"),
        ({"tex": ["a"]}, "no input 'tex'; did you mean 'text'"),
        ({"text": ["a", None]}, r"'text'\[1\] is not a string: null"),
    ],
)
def test_columns_that_cannot_be_used_are_told(columns, message):
    with pytest.raises(RequestError, match=message):
        of_columns(columns, ["text", "text_pair"])


def test_answers_in_rows_and_in_columns():
    outputs = {"label": array(b"cs", b"math"), "probabilities": np.array([[0.25, 0.75], [0.1, 0.9]], np.float32)}
    assert as_rows(outputs) == [
        {"label": "cs", "probabilities": [0.25, 0.75]},
        {"label": "math", "probabilities": [0.1, 0.9]},
    ]
    assert as_columns(outputs) == {"label": ["cs", "math"], "probabilities": [[0.25, 0.75], [0.1, 0.9]]}


def test_one_output_is_its_values_alone():
    assert as_rows({"score": np.array([1.5, 2.0], np.float32)}) == [1.5, 2.0]
    assert as_columns({"score": np.array([1.5, 2.0], np.float32)}) == [1.5, 2.0]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_numbers_are_read_back_as_the_same_float32(numbers):
    values = np.array(numbers, np.float32)
    assert np.array_equal(np.array(json.loads(json.dumps(as_json(values))), np.float32), values)


def test_what_is_not_utf8_is_replaced():
    assert as_json(array(b"a\xff")) == ["a\ufffd"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(LETTERS, max_size=3),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.sampled_from(NAMES), values),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(["instances", "inputs", "signature_name"]), JSON).map(json.dumps)


def read(content):
    """Reads a body as a server does, whose signature has one input or two."""
    body = Body.parse(content, PREDICT, 3)
    of, form = (of_rows, "instances") if body.is_row_form() else (of_columns, "inputs")
    return [of(body.fields[form], names) for names in (["text"], ["text", "text_pair"])]


@given(BODIES.map(str.encode) | st.binary(max_size=40), st.binary(max_size=3), st.integers(0, 60))
def test_no_body_gives_more_rows_than_are_allowed_or_another_error(body, noise, place):
    for content in (body, body[:place] + noise + body[place:]):
        try:
            arrays = read(content)
        except RequestError as error:
            assert error.fault is Fault.INVALID and "\n" not in str(error)
        else:
            for inputs in arrays:
                assert all(values.ndim == 1 and len(values) <= 3 for values in inputs.values())


@pytest.mark.parametrize("form", ['{"instances": [%s]}', '{"inputs": [%s]}', '{"inputs": {"text": [%s]}}'])
def test_rows_beyond_the_limit_are_refused_before_they_are_read(form):
    # What is no text is not reached.
    with pytest.raises(RequestError, match="has 65 rows; at most 64"):
        Body.parse((form % ",".join(["[]"] * 65)).encode(), PREDICT, 64)
