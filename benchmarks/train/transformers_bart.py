"""The step of a BART of Transformers that writes the summary alone."""

from benchmarks.torch_step import step


def prepare(precision: str, rows: int, length: int, target_length: int, **sizes: int):
    """Returns a step of training on random tokens."""
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(
        vocab_size=sizes["vocabulary"],
        d_model=sizes["hidden"],
        encoder_layers=sizes["layers"],
        decoder_layers=sizes["decoder_layers"],
        encoder_attention_heads=sizes["heads"],
        decoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["feedforward"],
        decoder_ffn_dim=sizes["feedforward"],
        max_position_embeddings=max(length, target_length),
    )
    return step(BartForConditionalGeneration(config), precision, [rows, length], [rows, target_length])
