"""Decodes the tensors of TensorFlow Serving's messages, whose senders are not trusted.

`tf.make_ndarray` believes the shape that a message claims: a dimension is multiplied unchecked and one value stands for
any number of them, so that a few bytes can ask for all of the memory. Here nothing is built before the values that a
message really contains are counted.
"""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2


class TensorError(ValueError):
    """A tensor that is not what is expected; the message is one line without the tensor's name."""


def strings_of(tensor: tensor_pb2.TensorProto, most: int) -> np.ndarray:
    """Returns the texts of a tensor, object `[rows]` of bytes.

    Args:
        tensor: the message.
        most: the maximum number of rows.

    Raises:
        TensorError: if it is not a tensor of strings of rank 1 that contains as many strings as its shape says, or if
            it has more than `most`.
    """
    dtype = _dtype(tensor)
    if dtype != tf.string:
        raise TensorError(f"is {dtype.name}; expected strings")
    sizes, found = _sizes(tensor), len(tensor.string_val)
    if len(sizes) != 1:
        raise TensorError(f"has the shape {sizes}; expected one string per row: [rows]")
    if sizes[0] != found or tensor.tensor_content:
        raise TensorError(f"is not a tensor: it has {sizes[0]} elements and {found} strings")
    if found > most:
        raise TensorError(f"has {found} rows; at most {most} are allowed")
    array = np.empty(found, object)
    array[:] = tensor.string_val
    return array


def values_of(tensor: tensor_pb2.TensorProto) -> np.ndarray:
    """Returns an output of a server, of any shape and type, as an array.

    Raises:
        TensorError: if it contains other than as many values as its shape says.
    """
    dtype, sizes = _dtype(tensor), _sizes(tensor)
    if tensor.tensor_content and dtype.size:
        found = len(tensor.tensor_content) / dtype.size
    else:
        # The values of each type are in a field of their own, such as `float_val`.
        found = max((len(values) for field, values in tensor.ListFields() if field.name.endswith("_val")), default=0)
    if found != math.prod(sizes):
        raise TensorError(f"is not a tensor: it has {math.prod(sizes)} elements and {found:g} values")
    try:
        return tf.make_ndarray(tensor)
    except (KeyError, TypeError, ValueError):
        raise TensorError(f"is not a tensor of values: its type is {dtype.name}") from None


def _dtype(tensor: tensor_pb2.TensorProto) -> tf.DType:
    try:
        dtype = tf.dtypes.as_dtype(tensor.dtype)
    except TypeError:
        raise TensorError(f"is not a tensor: there is no type {tensor.dtype}") from None
    # A reference is no type of a value either.
    if dtype in (tf.resource, tf.variant) or dtype.base_dtype != dtype:
        raise TensorError(f"is not a tensor of values: its type is {dtype.name}")
    return dtype


def _sizes(tensor: tensor_pb2.TensorProto) -> list[int]:
    sizes = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise TensorError(f"is not a tensor: its shape is {sizes or 'of unknown rank'}")
    return sizes
