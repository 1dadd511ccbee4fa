"""A summarization task's decoder and head as the step function that a search calls."""

import keras
import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.search import generate
from tfmtl.generation.sequences import Sequences
from tfmtl.kinds.task import Task
from tfmtl.models.builder import decoder_name


def write_summaries(
    model: keras.Model, task: Task, states: tf.Tensor, tokens: tf.Tensor, generation: GenerationOptions
) -> Sequences:
    """Writes the summaries of a batch.

    Keys and values of the source are computed once, those of the summary are kept as it grows.

    Args:
        model: of `tfmtl.models.builder`, or loaded.
        task: the summarization task.
        states: what its decoder reads of the source, `[batch, length, hidden]`.
        tokens: ids of the source, int32 `[batch, length]`.
        generation: how to search.
    """
    embedding, encoder, head = (model.get_layer(name) for name in ("embedding", "encoder", task.name))
    writer = encoder.writer(model.get_layer(decoder_name(task.name)))
    # Not the decoder's own: it may fill gaps too, which can be longer.
    options = SearchOptions.of(generation, max_length=task.max_length, start_id=START_ID, end_id=END_ID, pad_id=PAD_ID)
    context = {"tokens": tokens, "source": writer.keys_and_values(states)}
    if head.copy_source:
        context["copy_keys"] = head.copy_keys(encoder.last_states(states), embedding(tokens))

    def step(pieces, position, cache, context):
        hidden, cache = writer.step(embedding(pieces[:, None]), position, cache, context["source"], context["tokens"])
        logits = embedding(hidden, reverse=True)
        return head.log_probabilities(logits, hidden, context.get("copy_keys"), context["tokens"]), cache

    return generate(step, writer.initial_cache(states, tokens), context, options)
