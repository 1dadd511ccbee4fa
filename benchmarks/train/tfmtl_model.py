"""The step of tfmtl: its Transformer trunk, a classification head and a summary."""

from benchmarks.tfmtl_step import step


def prepare(precision: str, rows: int, length: int, target_length: int, **sizes: int):
    """Returns a step of training on random tokens."""
    encoder = {"type": "transformer", "max_length": length}
    encoder |= {name: sizes[name] for name in ("layers", "hidden", "heads", "feedforward")}
    values = {
        "tokenizer": {"vocabulary_size": sizes["vocabulary"]},
        "model": {"encoder": encoder, "decoder": {"layers": sizes["decoder_layers"]}},
        "tasks": {
            "label": {"kind": "classification", "source": "texts"},
            "summary": {"kind": "summarization", "source": "texts", "max_length": target_length},
        },
    }
    return step(values, precision, rows, {"tokens": length, "targets": target_length})
