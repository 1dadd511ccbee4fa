"""Writes a task's texts by a search."""

from tfmtl.config.options import GenerationOptions
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.search import generate
from tfmtl.generation.sequences import Sequences
from tfmtl.models.network import Encoded, Network


def write(network: Network, task: str, encoded: Encoded, max_length: int, generation: GenerationOptions) -> Sequences:
    """Writes a task's texts for a batch.

    Keys and values of the source are computed once, and those of the text are kept as it grows.

    Args:
        network: the network of a model.
        task: the name of the task.
        encoded: the encoded batch.
        max_length: the maximum number of tokens in a text; not the decoder's, which may be longer for another task.
        generation: the options of the search.
    """
    writer = network.writer(task)
    options = SearchOptions.of(generation, max_length)
    return generate(writer.step, writer.initial_cache(encoded, task), writer.context(encoded, task), options)
