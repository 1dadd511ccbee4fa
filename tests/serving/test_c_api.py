"""The export in a process that knows TensorFlow by its C API and op libraries alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

LIBRARIES = [Path(tf.__file__).parent / name for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")]
OPS = Path(tensorflow_text.__file__).parent / "python" / "ops" / "_sentencepiece_tokenizer.so"

pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in [*LIBRARIES, OPS]), reason="TensorFlow's shared libraries are elsewhere"
)


def signatures_of(export: Path):
    """Each signature's inputs and outputs as the file has them: name in the signature to name in the graph."""
    meta = saved_model_pb2.SavedModel.FromString((export / "saved_model.pb").read_bytes()).meta_graphs[0]
    return {
        key: [{name: info.name for name, info in side.items()} for side in (signature.inputs, signature.outputs)]
        for key, signature in meta.signature_def.items()
        if not key.startswith("__")
    }


def test_every_signature_answers_in_a_process_without_tensorflow_for_python(export, run_answerer, odd_texts):
    signatures = signatures_of(export)
    # No text at all comes last.
    batches = [odd_texts, []]
    requests = [
        {"inputs": dict.fromkeys(inputs.values(), texts), "outputs": outputs}
        for inputs, outputs in signatures.values()
        for texts in batches
    ]
    request = {
        "libraries": list(map(str, LIBRARIES)),
        "ops": [str(OPS)],
        "export": str(export),
        "requests": requests,
    }
    script = Path(__file__).with_name("run_signatures.py")
    done = subprocess.run([sys.executable, script], input=json.dumps(request), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = iter(json.loads(done.stdout))
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
