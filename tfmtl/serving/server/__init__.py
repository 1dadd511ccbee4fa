"""A local server of an export, with the interfaces of TensorFlow Serving."""
