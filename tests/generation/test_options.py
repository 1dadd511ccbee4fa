import pytest

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.generation.options import SearchOptions

SPECIAL = {"start_id": 1, "end_id": 2, "pad_id": 0}


def test_takes_over_the_configured_generation():
    generation = GenerationOptions(beams=7, length_penalty=0.5, no_repeat_ngram=2, min_length=3)
    options = SearchOptions.of(generation, max_length=9, **SPECIAL)
    assert (options.beams, options.length_penalty, options.no_repeat_ngram, options.min_length) == (7, 0.5, 2, 3)
    assert (options.max_length, options.start_id, options.end_id, options.pad_id) == (9, 1, 2, 0)


def test_longest_minimum_leaves_room_for_the_end_mark():
    assert SearchOptions.of(GenerationOptions(min_length=8), max_length=9, **SPECIAL).min_length == 8
    with pytest.raises(ConfigurationError, match=r"^generation: min_length: 9 tokens .* max_length: 9$"):
        SearchOptions.of(GenerationOptions(min_length=9), max_length=9, **SPECIAL)


def test_padding_is_not_the_end_mark():
    with pytest.raises(ConfigurationError, match="pad_id and end_id must differ: both are 2"):
        SearchOptions.of(GenerationOptions(), max_length=9, start_id=1, end_id=2, pad_id=2)
