"""The search that the options ask for."""

from tfmtl.generation.beam import beam_search
from tfmtl.generation.greedy import greedy_search
from tfmtl.generation.options import SearchOptions
from tfmtl.generation.sequences import Nest, Sequences, Step


def generate(step: Step, cache: Nest, context: Nest, options: SearchOptions) -> Sequences:
    """Writes one sequence for each row of a batch: by beam search, or by greedy search with one beam.

    Args:
        step: the decoder, see `tfmtl.generation.sequences.Step`.
        cache: the tensors that the step reads and writes, before the first step; each tensor's leading dimension is the
            batch.
        context: the tensors that the step only reads, such as keys and values of the encoded text; likewise.
        options: the beams, the length penalty, the constraints and the special tokens.
    """
    search = greedy_search if options.beams == 1 else beam_search
    return search(step, cache, context, options)
