"""Tensors of messages whose senders are not trusted: few bytes that claim to be much, and bytes of any kind."""

import resource

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2

from tfmtl.serving.tensors import TensorError, strings_of, values_of

STRING, FLOAT = tf.string.as_datatype_enum, tf.float32.as_datatype_enum


def claimed(dtype, sizes, strings=(), **fields):
    """A tensor whose shape and values need not fit."""
    tensor = tensor_pb2.TensorProto(dtype=dtype, string_val=strings, **fields)
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def test_strings_are_read_as_tensorflow_reads_them():
    tensor = tf.make_tensor_proto([b"a", b"", b"\xff\x00"])
    assert strings_of(tensor, 3).tolist() == tf.make_ndarray(tensor).tolist() == [b"a", b"", b"\xff\x00"]
    assert strings_of(claimed(STRING, [0]), 3).shape == (0,)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (claimed(STRING, [-1, -(2**27)], [b"a"]), r"shape is \[-1, -134217728\]"),
        (claimed(STRING, [-5], [b"a"] * 5), r"shape is \[-5\]"),
        (claimed(STRING, [2**62], [b"a"]), "has 4611686018427387904 elements and 1 strings"),
        (claimed(STRING, [1024], [b"a"]), "has 1024 elements and 1 strings"),
        (claimed(STRING, [1], [b"a", b"b"]), "has 1 elements and 2 strings"),
        (claimed(STRING, [1], tensor_content=b"a"), "has 1 elements and 0 strings"),
        (claimed(STRING, [1], [b"a"], tensor_content=b"a"), "has 1 elements and 1 strings"),
        (claimed(STRING, [65], [b"a"] * 65), "has 65 rows; at most 64"),
        (claimed(STRING, [], [b"a"]), r"has the shape \[\]; expected one string per row"),
        (claimed(STRING, [1, 1], [b"a"]), r"has the shape \[1, 1\]; expected one string per row"),
        (claimed(FLOAT, [2**28]), "is float32; expected strings"),
        (claimed(tf.resource.as_datatype_enum, [1]), "not a tensor of values: its type is resource"),
        (claimed(9999, [1]), "there is no type 9999"),
        (claimed(0, [1]), "there is no type 0"),
    ],
)
def test_what_is_no_list_of_strings_is_refused_and_nothing_is_built(tensor, message):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TensorError, match=message):
        strings_of(tensor, 64)
    # In KiB: what TensorFlow would build has at least 600 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17


def test_a_tensor_of_no_known_rank_is_refused():
    tensor = claimed(STRING, [])
    tensor.tensor_shape.unknown_rank = True
    with pytest.raises(TensorError, match="of unknown rank"):
        strings_of(tensor, 64)


@pytest.mark.parametrize(
    "values", [[1.5, -2.0], [[1, 2], [3, 4]], [True, False], 3.25, ["a", "é"], np.float16([0.5, 1.0]), []]
)
def test_the_outputs_of_a_server_are_read_as_tensorflow_reads_them(values):
    tensor = tf.make_tensor_proto(values)
    np.testing.assert_array_equal(values_of(tensor), tf.make_ndarray(tensor))


@pytest.mark.parametrize(
    "tensor",
    [
        claimed(FLOAT, [2**40], float_val=[1.0]),
        claimed(FLOAT, [-1, -(2**27)], float_val=[1.0]),
        claimed(FLOAT, [2**30]),
        claimed(FLOAT, [3], tensor_content=b"abcd"),
        claimed(STRING, [2**30], [b"a"]),
        claimed(tf.float32.as_datatype_enum + 100, [], float_val=[1.0]),
    ],
)
def test_an_output_that_claims_what_it_has_not_is_refused(tensor):
    with pytest.raises(TensorError, match="not a tensor"):
        values_of(tensor)


SIZES = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 4), max_size=3)
TENSORS = st.builds(
    claimed,
    st.integers(0, 130),
    SIZES,
    st.lists(st.binary(max_size=4), max_size=5),
    tensor_content=st.binary(max_size=8),
    float_val=st.lists(st.floats(width=32), max_size=3),
)


@settings(deadline=None, max_examples=200)
@given(TENSORS, st.binary(max_size=6), st.integers(0, 60))
def test_no_tensor_is_more_than_its_message(tensor, noise, place):
    """Neither a made-up message nor one with foreign bytes in it gives more than it has, or another error."""
    message = tensor.SerializeToString()
    for content in (message, message[:place] + noise + message[place:]):
        try:
            found = tensor_pb2.TensorProto.FromString(content)
        except DecodeError:
            continue
        for read in (lambda found: strings_of(found, 4), values_of):
            try:
                assert read(found).size <= len(content)
            except TensorError as error:
                assert "\n" not in str(error)
