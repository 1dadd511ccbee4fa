"""A training step of a pretrained encoder of MiniLM's size with a label; times do not depend on the weights."""

from benchmarks.interleaved import Contender, in_both_precisions

SIZES = {
    "vocabulary": 30522,
    "layers": 6,
    "hidden": 384,
    "heads": 12,
    "feedforward": 1536,
    "rows": 32,
    "length": 128,
}


def contenders() -> list[Contender]:
    """Returns tfmtl and its peer, in single precision and in bfloat16."""
    names = {"tfmtl": "tfmtl_model", "Transformers, BERT": "transformers_bert"}
    return in_both_precisions(__name__, names, SIZES)


def gigaflops() -> float:
    """Returns the operations of the matrix products of a step, in 10^9; backwards there are twice as many as forwards.

    Counted are projections, feed-forward networks and attention.
    """
    s = SIZES
    layer = 4 * s["hidden"] ** 2 + 2 * s["hidden"] * s["feedforward"] + 2 * s["length"] * s["hidden"]
    return 3 * 2 * s["layers"] * s["rows"] * s["length"] * layer / 1e9
