"""A training step of a model of Transformers on random tokens."""

import os
from collections.abc import Callable, Sequence


def step(model, precision: str, text_shape: Sequence[int], label_shape: Sequence[int]) -> Callable[[], object]:
    """Returns a step with AdamW, its moments updated by one kernel, and clipping by the norm of all gradients.

    Args:
        model: a model that returns its loss for `input_ids`, `attention_mask` and `labels`.
        precision: `float32` or `bfloat16`, which is PyTorch's automatic casting.
        text_shape: the shape of the tokens.
        label_shape: the shape of the labels, which are below the number of labels or of tokens.
    """
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    vocabulary, classes = model.config.vocab_size, model.config.num_labels
    tokens = torch.randint(10, vocabulary, tuple(text_shape))
    labels = torch.randint(0, vocabulary if len(label_shape) > 1 else classes, tuple(label_shape))

    def train() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            loss = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return train
