"""Search for the summary that a decoder finds most probable, as TensorFlow graph code that knows no model."""
