"""Trains experiments that name nothing but sources and tasks, on few and on many rows, beside a linear SVM.

    python benchmarks/defaults.py --rows 500 1000 5000 --output FILE.json [--set NAME=VALUE]... [--only NAME...]

Each experiment classifies the texts of a dataset of `../shared/data`. It is trained with the defaults, and once with
each group of settings: `--set expert=model.linear_expert={}` adds a system `expert`. Scores are those of the
validation split, of which at most `--validation` rows are read, since they serve to choose.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import yaml
from baselines import scores

import tfmtl
from tfmtl.config.experiment import Experiment
from tfmtl.config.yaml_file import load_experiment

DATA = Path("../shared/data")
DATASETS = {
    "agnews": {
        "sources": {"rows": {"format": "csv", "train": str(DATA / "agnews/train_20k.csv")}},
        "tasks": {"label": {"kind": "classification", "text": "description", "label": "class_index"}},
    },
    "sst2": {"tasks": {"label": {"preset": "glue/sst2", "source": {"data_dir": str(DATA / "tfds")}}}},
    "arxiv": {
        "sources": {
            "rows": {
                "format": "tsv",
                "train": str(DATA / "arxiv/train.tsv"),
                "validation": str(DATA / "arxiv/dev.tsv"),
                "test": str(DATA / "arxiv/test.tsv"),
            }
        },
        "tasks": {"label": {"kind": "classification", "text": "abstract", "label": "label"}},
    },
}


def experiment(dataset: str, limit: dict[str, int], settings: list[str], folder: Path) -> Experiment:
    """Returns the experiment of a dataset, whose source reads at most so many rows of each split."""
    sections = json.loads(json.dumps(DATASETS[dataset]))
    task = sections["tasks"]["label"]
    if "sources" in sections:
        task["source"] = "rows"
        sections["sources"]["rows"]["limit"] = limit
    else:
        task["source"]["limit"] = limit
    path = folder / f"{dataset}.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return load_experiment(path, settings)


def main() -> None:
    """Prints a line per training, and writes all of them to the file of `--output` after each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 1000, 5000])
    parser.add_argument("--validation", type=int, default=1000)
    parser.add_argument("--set", dest="systems", action="append", default=[], metavar="NAME=KEY=VALUE,KEY=VALUE")
    parser.add_argument("--only", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    systems = {"defaults": []}
    for system in arguments.systems:
        name, _, settings = system.partition("=")
        systems[name] = settings.split(",")
    results = []
    folder = Path(tempfile.mkdtemp())
    for rows in arguments.rows:
        for dataset in arguments.only:
            limit = {"train": rows, "validation": arguments.validation}
            result = {"dataset": dataset, "rows": rows, "accuracy": {}, "seconds": {}}
            for name, settings in systems.items():
                chosen = experiment(dataset, limit, settings, folder)
                begun = time.monotonic()
                run = tfmtl.train(chosen, folder / f"{dataset}-{rows}-{name}")
                result["seconds"][name] = round(time.monotonic() - begun, 1)
                measured = tfmtl.evaluate(run, "validation")["tasks"]["label"]
                result["accuracy"][name] = round(measured["accuracy"], 4)
            for name, metrics in scores(chosen, "validation")["label"].items():
                result["accuracy"][name] = round(metrics["accuracy"], 4)
            results.append(result)
            print(json.dumps(result), flush=True)
            arguments.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
