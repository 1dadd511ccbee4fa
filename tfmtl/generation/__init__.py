"""The search for the summary that a decoder finds most probable, in TensorFlow graph code."""
