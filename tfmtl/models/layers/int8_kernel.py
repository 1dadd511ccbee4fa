"""Dense layers that do not learn, with kernels of eight bits."""

import keras
from keras import ops

from tfmtl.models.layers.kernel_axes import kernel_axes
from tfmtl.models.layers.name_scopes import name_scopes

Dense = keras.layers.Dense | keras.layers.EinsumDense


def quantize_kernel(layer: Dense) -> None:
    """Stores the kernel of a built layer in eight bits with a float32 scale for each column; inputs stay as they are.

    A gradient still flows to the inputs, through the rounded kernel. The kernel itself can no longer be trained.
    """
    # The policy's name tells Keras how to build the layer again; there is nothing else to say about the inputs.
    layer.quantize(config=keras.quantizers.Int8QuantizationConfig(activation_quantizer=None), type_check=False)


def dequantized(layer: Dense) -> Dense:
    """Returns a new layer that computes what a quantized one does, with a kernel of floats and the same paths."""
    axes, _, written = kernel_axes(layer)
    sizes = dict(zip(axes, layer.kernel.shape, strict=True))
    scale = ops.reshape(layer.kernel_scale, [sizes[axis] for axis in written])
    kernel = ops.einsum(f"{axes},{written}->{axes}", ops.cast(layer.kernel, "float32"), 1.0 / scale)
    _, policy = layer.dtype_policy.name.split("_from_")
    plain = type(layer).from_config({**layer.get_config(), "dtype": policy, "quantization_config": None})
    with name_scopes(layer.path.rpartition("/")[0]):
        plain.build(layer.get_build_config()["input_shape"])
    plain.kernel.assign(kernel)
    if layer.bias is not None:
        plain.bias.assign(layer.bias)
    plain.activation = layer.activation
    return plain
