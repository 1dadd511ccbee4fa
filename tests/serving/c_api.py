"""Asks an export in a process that knows TensorFlow by its C API and op libraries alone."""

import json
import subprocess
import sys
from pathlib import Path

import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

LIBRARIES = [Path(tf.__file__).parent / name for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")]
OPS = Path(tensorflow_text.__file__).parent / "python" / "ops" / "_sentencepiece_tokenizer.so"
IS_THERE = all(path.is_file() for path in [*LIBRARIES, OPS])


def signatures_of(export: Path) -> dict[str, list[dict[str, str]]]:
    """Each signature's inputs and outputs as the file has them: name in the signature to name in the graph."""
    meta = saved_model_pb2.SavedModel.FromString((export / "saved_model.pb").read_bytes()).meta_graphs[0]
    return {
        key: [{name: info.name for name, info in side.items()} for side in (signature.inputs, signature.outputs)]
        for key, signature in meta.signature_def.items()
        if not key.startswith("__")
    }


def ask(export: Path, requests: list[tuple[str, list[str]]]) -> list[dict[str, list]]:
    """Returns the flat outputs of signatures for texts, which are given to each of their inputs."""
    signatures = signatures_of(export)
    asked = []
    for signature, texts in requests:
        inputs, outputs = signatures[signature]
        asked.append({"inputs": dict.fromkeys(inputs.values(), texts), "outputs": outputs})
    request = {
        "libraries": list(map(str, LIBRARIES)),
        "ops": [str(OPS)],
        "export": str(export),
        "requests": asked,
    }
    script = Path(__file__).with_name("run_signatures.py")
    done = subprocess.run([sys.executable, script], input=json.dumps(request), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
