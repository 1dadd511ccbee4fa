"""The step of a BERT of Transformers with a classification head."""

from benchmarks.torch_step import step


def prepare(precision: str, rows: int, length: int, **sizes: int):
    """Returns a step of training on random tokens."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["hidden"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["feedforward"],
        num_labels=10,
    )
    return step(BertForSequenceClassification(config), precision, [rows, length], [rows])
