"""Keras' name scopes of a path, for variables that are made after the layers around them."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def name_scopes(path: str) -> Iterator[None]:
    """Opens the scopes of a path such as `trunk/layer_0`; variables that are made within have paths below it."""
    with contextlib.ExitStack() as scopes:
        for scope in filter(None, path.split("/")):
            scopes.enter_context(keras.name_scope(scope))
        yield
