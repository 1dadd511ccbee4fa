"""The texts that a task's writer finds by a search."""

from tfmtl.config.options import GenerationOptions
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.search import generate
from tfmtl.generation.sequences import Sequences
from tfmtl.models.network import Encoded, Network


def write(network: Network, task: str, encoded: Encoded, max_length: int, generation: GenerationOptions) -> Sequences:
    """Writes a task's texts for a batch.

    Keys and values of the source are computed once, those of the text are kept as it grows.

    Args:
        network: of a model.
        task: its name.
        encoded: the batch.
        max_length: the most tokens of a text; not the decoder's own, which may write longer ones for another task.
        generation: how to search.
    """
    writer = network.writer(task)
    options = SearchOptions.of(generation, max_length)
    return generate(writer.step, writer.initial_cache(encoded, task), writer.context(encoded, task), options)
