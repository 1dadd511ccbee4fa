"""The export in a process that knows TensorFlow by its C API and op libraries alone."""

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.c_api import IS_THERE, ask, signatures_of

pytestmark = pytest.mark.skipif(not IS_THERE, reason="TensorFlow's shared libraries are elsewhere")


def test_every_signature_answers_in_a_process_without_tensorflow_for_python(export, run_answerer, odd_texts):
    signatures = signatures_of(export)
    # No text at all comes last.
    answers = iter(ask(export, [(name, texts) for name in signatures for texts in (odd_texts, [])]))
    texts = tf.constant(np.array([text.encode() for text in odd_texts], object))
    expected = {name: value.numpy() for name, value in run_answerer.function(text=texts, text_pair=texts).items()}
    for _, outputs in signatures.values():
        found, of_none = next(answers), next(answers)
        assert of_none == {name: [] for name in outputs}
        for name in outputs:
            values = expected[name].ravel().tolist()
            if isinstance(values[0], bytes):
                assert found[name] == [value.decode() for value in values]
            else:
                np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-5)
