"""A local server for an export, with the interfaces of TensorFlow Serving."""
