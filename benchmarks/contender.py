"""A process that does one contender's work when it is told to; see `benchmarks.interleaved`.

    python -m benchmarks.contender MODULE OPTIONS

MODULE has a function `prepare(**options)`, which returns the function to be timed. For each line that it reads, the
process runs this once and writes the seconds as a line of JSON. It begins with a line that says whether it is ready.
"""

import importlib
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def main() -> None:
    """Answers lines of the standard input until it ends."""
    _, name, options = sys.argv
    # What libraries print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        work = importlib.import_module(name).prepare(**json.loads(options))
    except ImportError as error:
        print(json.dumps({"absent": str(error)}), file=answers, flush=True)
        return
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for _ in sys.stdin:
        began, cpu = time.perf_counter(), time.process_time()
        work()
        seconds = [time.perf_counter() - began, time.process_time() - cpu]
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main()
