"""A training step of an encoder-decoder from scratch, with a label and a summary."""

from benchmarks.interleaved import Contender, in_both_precisions

SIZES = {
    "layers": 4,
    "decoder_layers": 2,
    "hidden": 256,
    "heads": 4,
    "feedforward": 1024,
    "vocabulary": 8000,
    "rows": 32,
    "length": 128,
    "target_length": 32,
}


def contenders() -> list[Contender]:
    """Returns tfmtl and its peers, in single precision and in bfloat16."""
    names = {"tfmtl": "tfmtl_model", "Transformers, BART": "transformers_bart", "KerasHub's layers": "keras_hub_layers"}
    return in_both_precisions(__name__, names, SIZES)


def gigaflops() -> float:
    """Returns the operations of the matrix products of a step, in 10^9; backwards there are twice as many as forwards.

    Counted are projections, feed-forward networks, attention, keys and values of the source for the decoder, and the
    output over the vocabulary; not what tfmtl does beyond its peers, such as copying.
    """
    s = SIZES
    width, inner = s["hidden"], s["feedforward"]
    layer = 4 * width**2 + 2 * width * inner
    source, target = s["rows"] * s["length"], s["rows"] * s["target_length"]
    encoder = s["layers"] * source * (layer + 2 * s["length"] * width)
    of_target = layer + 2 * width**2 + 2 * (s["length"] + s["target_length"]) * width
    decoder = s["decoder_layers"] * (target * of_target + source * 2 * width**2)
    return 3 * 2 * (encoder + decoder + target * width * s["vocabulary"]) / 1e9
