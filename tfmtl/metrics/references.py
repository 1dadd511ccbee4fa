"""References of rows, of which each may have several, in the form of sacrebleu."""

from collections.abc import Sequence


def by_position(targets: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """Returns the first references of all rows, then the second ones, and so on; `None` where a row has fewer."""
    most = max(map(len, targets))
    return [[row[k] if k < len(row) else None for row in targets] for k in range(most)]
