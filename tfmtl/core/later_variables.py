"""Variables that earlier versions did not have, so that what these have saved can be read nonetheless."""

from typing import Any

_MARK = "tfmtl_is_later"


def mark_later(variable: Any) -> None:
    """Marks a variable that checkpoints of earlier versions lack; it then keeps its initial value."""
    setattr(variable, _MARK, True)


def is_later(variable: Any) -> bool:
    """Returns whether a variable is marked."""
    return getattr(variable, _MARK, False)
