from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds.denoising.test_span_corruption import packed
from tests.kinds.made_up import encoded
from tfmtl.config.options import ModelOptions
from tfmtl.data.columns import is_present
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.denoising.span_corruption import answer_length, corrupt
from tfmtl.kinds.denoising.token_masking import mask
from tfmtl.kinds.kind import HeadContext, kind_named
from tfmtl.models.layers.mlm_head import MLMHead

KIND = kind_named("denoising")
SPANS = Denoising(name="gaps", source="s", noise_density=0.3, mean_span=2.0)
PIECES = Denoising(name="hidden", source="s", noise_density=0.3, objective="pieces")
SEED = tf.constant([1, 2])


def test_every_row_has_a_target():
    assert is_present(encoded(SPANS, ["a text", None, ""])).tolist() == [True, True, True]


def test_spans_are_taken_out_or_single_pieces_as_the_task_says():
    tokens = tf.constant(packed([12, 7]))
    for found, expected in (
        (KIND.corrupt(SPANS)(tokens, SEED), corrupt(tokens, SEED, 0.3, 2.0)),
        (KIND.corrupt(PIECES)(tokens, SEED), mask(tokens, SEED, 0.3)),
    ):
        for ids, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ids, wanted)


@pytest.mark.parametrize("length", [4, 16, 48])
def test_a_decoder_reads_all_of_the_longest_answer_but_its_end(length):
    text = tf.constant(packed([length - 2]))
    _, answer = KIND.corrupt(SPANS)(text, SEED)
    assert KIND.target_length(SPANS, length) == np.count_nonzero(answer) - 1
    assert KIND.target_length(SPANS, length) == int(answer_length(length, 0.3, 2.0)) - 1


def test_pieces_are_predicted_where_they_stood_and_spans_by_a_decoder():
    assert KIND.decoder(SPANS, name="gaps_decoder", dtype="float32") is None
    head = KIND.decoder(PIECES, name="hidden_decoder", dtype="float32")
    assert isinstance(head, MLMHead) and head.name == "hidden_decoder"


def test_nothing_that_is_missing_can_be_copied():
    options = ModelOptions.model_validate({"decoder": {"copy": True}})
    head = KIND.head(SPANS, HeadContext(SimpleNamespace(dtype_policy="float32"), options, None))
    assert (head.name, head.copy_source) == ("gaps", False)


def test_nobody_asks_it():
    assert (KIND.outputs, KIND.predicts, KIND.rest_action, KIND.corrupts) == ((), "", "", True)
    with pytest.raises(TypeError, match=r"^tasks of kind 'denoising' are not answered$"):
        KIND.answer(SPANS, None, None)
