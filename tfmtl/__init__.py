"""One Keras model that reads a text once, classifies it and writes its summary."""

__version__ = "0.1.0"
