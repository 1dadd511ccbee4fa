"""Trains an experiment: `python train.py CONFIG ...` is `tfmtl train CONFIG ...`."""

import sys

from tfmtl.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
