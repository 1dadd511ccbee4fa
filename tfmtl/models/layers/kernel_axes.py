"""Which axes of a dense layer's kernel are read, and which are written."""

import keras


def kernel_axes(layer: keras.layers.Dense | keras.layers.EinsumDense) -> tuple[str, str, str]:
    """Returns the letters of the kernel's axes, of those that it reads, and of those that it writes, as in an equation.

    Those that it reads are the last ones of the inputs, and those that it writes the last ones of the outputs.

    Raises:
        ValueError: if the kernel is no matrix from the last axes of the inputs to those of the outputs.
    """
    if isinstance(layer, keras.layers.Dense):
        return "io", "i", "o"
    inputs, outputs = layer.equation.split("->")
    inputs, kernel = inputs.split(",")
    read = "".join(axis for axis in inputs if axis in kernel and axis not in outputs)
    written = "".join(axis for axis in outputs if axis in kernel and axis not in inputs)
    if not (inputs.endswith(read) and outputs.endswith(written) and set(read + written) == set(kernel)):
        raise ValueError(f"a kernel with the equation {layer.equation} is no matrix")
    return kernel, read, written
