"""Checks that two versions of the package behave alike: the same seeds must give the same weights and answers.

    python benchmarks/behaviour.py record before.json       # in a checkout of one version
    python benchmarks/behaviour.py record after.json        # in a checkout of the other
    python benchmarks/behaviour.py compare before.json after.json

`record` trains small models of made-up sentences: every encoder, every kind of task, every class of balancing method,
every strategy. For each it keeps a digest of every array of weights, the history, the evaluation, the answers of the
run and those of its export. Only the public interface is used, so that versions with different internals can be
compared.

All models except the pretrained ones and those of two replicas or workers must agree to the last bit.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

ANIMALS = {"cats": ["the cat", "a kitten", "her tomcat"], "dogs": ["the dog", "a puppy", "his hound"]}
VERBS = ["sleeps", "eats the fish", "runs away", "waits for the rain", "plays with an old ball"]
PLACES = ["in the garden", "under a chair", "near the river", "behind our house", "on the warm roof of the barn"]
ROWS = {"train": 48, "validation": 12, "test": 12}
ASKED = ["the cat sleeps in the garden", "a puppy runs away near the river and his hound eats the fish", ""]

ENCODERS = {
    "transformer": {"type": "transformer", "layers": 2, "hidden": 16, "heads": 2, "feedforward": 32, "max_length": 48},
    "transformer_modern": {
        "type": "transformer",
        "layers": 1,
        "hidden": 16,
        "heads": 2,
        "feedforward": 32,
        "max_length": 48,
        "positions": "rotary",
        "norm": "rms",
        "gated": True,
        "activation": "silu",
    },
    "gpt": {"type": "gpt", "layers": 2, "hidden": 16, "heads": 2, "feedforward": 32, "max_length": 48},
    "bilstm_attention": {"type": "bilstm_attention", "layers": 1, "hidden": 16, "max_length": 48},
}
PRESETS = ("bert", "gpt2", "bart", "t5")
BALANCING = {
    "fixed": {"method": "fixed", "weights": {"title": 0.5}},
    "uncertainty": {"method": "uncertainty"},
    "famo": {"method": "famo"},
    "pcgrad": {"method": "pcgrad"},
    "cagrad": {"method": "cagrad"},
    "gradnorm": {"method": "gradnorm"},
    "mgda_representation": {"method": "mgda", "gradients_of": "representation"},
}
EXPORTED = ("encoder_transformer", "encoder_gpt", "encoder_bilstm_attention", "linear_expert", "preset_bart")


def sentence(generator: random.Random) -> tuple[str, str]:
    """Returns a label and a sentence of one to three clauses."""
    label = generator.choice(sorted(ANIMALS))
    clauses = [
        f"{generator.choice(ANIMALS[label])} {generator.choice(VERBS)} {generator.choice(PLACES)}"
        for _ in range(generator.randint(1, 3))
    ]
    return label, " and ".join(clauses) + "."


def write_sources(folder: Path) -> dict:
    """Writes three sources of made-up sentences; returns their section of a configuration."""
    generator, sources = random.Random(11), {}
    for name in ("tickets", "pairs", "scores"):
        paths = {split: folder / f"{name}_{split}.jsonl" for split in ROWS}
        for split, path in paths.items():
            count = ROWS[split] // (1 if name == "tickets" else 3)
            lines = (json.dumps(row(name, number, generator)) + "\n" for number in range(count))
            path.write_text("".join(lines), encoding="utf-8")
        sources[name] = {"format": "jsonl", **{split: str(path) for split, path in paths.items()}}
    return sources


def row(name: str, number: int, generator: random.Random) -> dict:
    """Returns a row of a source; in `tickets` some rows have no label and some no summary."""
    (label, text), (other, second) = sentence(generator), sentence(generator)
    if name == "pairs":
        return {"first": text, "second": second, "same": "yes" if label == other else "no"}
    if name == "scores":
        return {"text": text, "stars": len(text) / 10}
    summary = None if number % 3 == 2 else " ".join(text.split()[:4])
    return {"text": text, "label": None if summary and number % 4 == 1 else label, "summary": summary, "mood": label}


def experiments(folder: Path) -> Iterator[tuple[str, dict]]:
    """Yields the name and the configuration of each experiment."""
    sources = write_sources(folder)
    tasks = {
        "topic": {"kind": "classification", "source": "tickets"},
        "title": {"kind": "summarization", "source": "tickets", "max_length": 12},
        "same": {
            "kind": "classification",
            "source": "pairs",
            "text": "first",
            "text_pair": "second",
            "label": "same",
            "class_weights": "balanced",
        },
        "stars": {"kind": "regression", "source": "scores", "target": "stars"},
    }
    training = {"epochs": 2, "batch_size": 12, "learning_rate": 0.01, "strategy": "none", "generate_examples": 4}

    def made(encoder: dict, **changes) -> dict:
        model = {"encoder": encoder, "decoder": {"layers": 1}, **changes.pop("model", {})}
        values = {
            "name": "behaviour",
            "sources": sources,
            "tasks": {**tasks, **changes.pop("tasks", {})},
            "model": model,
            "training": {**training, **changes.pop("training", {})},
            "generation": {"beams": 2},
            "evaluation": {"bootstrap_samples": 100},
            **changes,
        }
        return values if encoder["type"] == "preset" else {**values, "tokenizer": {"vocabulary_size": 400}}

    plain = ENCODERS["transformer"]
    for name, encoder in ENCODERS.items():
        yield f"encoder_{name}", made(encoder)
    for family in PRESETS:
        preset = folder / "presets" / family
        if not preset.is_dir():
            from tests.presets import save_preset

            random.seed(1)
            save_preset(family, preset)
        yield f"preset_{family}", made({"type": "preset", "preset": str(preset), "max_length": 40, "decoder_heads": 2})
    for name, section in BALANCING.items():
        yield f"balancing_{name}", made(plain, balancing=section)
    still = {**plain, "dropout": 0.0}
    yield "representation_without_dropout", made(still, balancing=BALANCING["mgda_representation"])
    yield "accumulation", made(plain, training={"accumulation": 2}, balancing={"method": "pcgrad"})
    noise = {"gaps": {"kind": "denoising", "source": "tickets"}}
    yield "denoising_spans", made(plain, tasks={"gaps": {**noise["gaps"], "decoder": "title"}})
    yield "denoising_pieces", made(plain, tasks={"gaps": {**noise["gaps"], "objective": "pieces"}})
    twin = {"mood": {"kind": "classification", "source": "tickets", "label": "mood", "labels": ["cats", "dogs"]}}
    shared = {"shared_heads": True, "linear_expert": {}}
    yield "linear_expert", made(plain, tasks=twin, model=shared)
    stages = [{"tasks": ["title", "topic"], "epochs": 1, "learning_rate": 0.005}, {"epochs": 2}]
    yield "stages", made(plain, training={"stages": stages, "ema_momentum": 0.9, "task_stopping": 1})
    yield "strategy_mirrored", made(plain, training={"strategy": "mirrored"})
    yield "strategy_multi_worker", made(plain, training={"strategy": "multi_worker"})


def record(name: str, values: dict, folder: Path) -> dict:
    """Trains, evaluates and queries one experiment; returns the values to compare."""
    import tfmtl
    from tfmtl import load_experiment

    path = folder / f"{name}.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    run = folder / "runs" / name
    if name == "strategy_multi_worker":
        train_on_workers(path, run)
    else:
        tfmtl.train(load_experiment(path), run)
    found = {"weights": digests(run / "checkpoints" / "best.keras"), "history": history(run / "history.csv")}
    found["evaluation"] = tfmtl.evaluate(run)
    rows = [(text, ASKED[0]) for text in ASKED]
    found["answers"] = tfmtl.predict(run, rows)
    if name in EXPORTED:
        export = tfmtl.export(run, folder / "exports" / name)
        found["export"] = {"answers": tfmtl.predict(export, rows), "signatures": signatures(export)}
    return found


def train_on_workers(config: Path, run: Path) -> None:
    """Trains with two workers on this machine."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("localhost", 0))
    cluster = {"worker": [f"localhost:{each.getsockname()[1]}" for each in sockets]}
    for each in sockets:
        each.close()
    processes = []
    for index in range(2):
        task = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        command = [
            sys.executable,
            "-m",
            "tfmtl.cli",
            "train",
            str(config),
            "--run",
            str(run if not index else f"{run}-1"),
        ]
        processes.append(subprocess.Popen(command, env={**os.environ, "TF_CONFIG": task}, stdout=subprocess.DEVNULL))
    if any(process.wait() for process in processes):
        raise RuntimeError(f"{config}: a worker failed")


def digests(model: Path) -> list[str]:
    """Returns the shape and a digest of every array of weights of a Keras model, regardless of the order of layers."""
    import h5py
    import numpy as np

    found = []

    def add(name: str, item) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            value = np.asarray(item)
            digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
            found.append(f"{list(value.shape)} {digest}")

    with zipfile.ZipFile(model) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(add)
    return sorted(found)


def history(path: Path) -> dict[str, list[str]]:
    """Returns the columns of a run's history, as they are written."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: [each[column] for each in rows] for column in sorted(rows[0])}


def signatures(export: Path) -> dict:
    """Returns the inputs and outputs of each signature of an export."""
    import tensorflow as tf

    def shown(specs) -> dict:
        return {name: [spec.dtype.name, str(spec.shape)] for name, spec in sorted(specs.items())}

    loaded = tf.saved_model.load(str(export)).signatures
    return {
        name: {"inputs": shown(each.structured_input_signature[1]), "outputs": shown(each.structured_outputs)}
        for name, each in sorted(loaded.items())
    }


def differences(before, after, place: str = "") -> Iterator[str]:
    """Yields the place of each value that differs, with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if key not in before or key not in after:
                yield f"{place}/{key}: only {'after' if key in after else 'before'}"
            else:
                yield from differences(before[key], after[key], f"{place}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{place}/{index}")
    elif before != after:
        yield f"{place}: {str(before)[:60]} before, {str(after)[:60]} after"


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("output", type=Path)
    recording.add_argument("--only", nargs="*", help="prefixes of the names of experiments")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "compare":
        sys.exit(compare(arguments.before, arguments.after))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    # Two devices for the mirrored strategy; operations without a named device run on the first.
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # A fixed folder, because a run's configuration names its sources.
    folder = Path(tempfile.gettempdir()) / "tfmtl-behaviour"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    found = {}
    for name, values in experiments(folder):
        if not arguments.only or name.startswith(tuple(arguments.only)):
            print(name, flush=True)
            found[name] = record(name, values, folder)
            arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def compare(before: Path, after: Path) -> int:
    """Prints the differences between two records; returns the number of experiments that differ."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (before, after)]
    different = 0
    for name in [name for name in records[0] if name in records[1]]:
        found = list(differences(records[0][name], records[1][name]))
        different += bool(found)
        print(f"{name}: {len(found) or 'no'} difference{'' if len(found) == 1 else 's'}")
        for line in found[:5]:
            print(f"  {line}")
    return different


if __name__ == "__main__":
    main()
