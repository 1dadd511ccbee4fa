"""Extracts docstrings from Python files with several interpreters in parallel; files are parsed, never imported.

Those interpreters run this file as a program, so it needs only the standard library.
"""

import ast
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

_FILES_OF_A_PROCESS = 200
"""The files per process; parsing fewer takes less time than starting another interpreter."""

Docstrings = list[tuple[str, str]]
"""Pairs of a qualified name and a docstring."""


def read_docstrings(files: Sequence[tuple[str, str]]) -> list[Docstrings]:
    """Returns the docstrings of each file's module, classes, methods and functions, unchanged.

    Files for other versions of Python, templates and unreadable files have none.

    Args:
        files: the module name and the path of each file.
    """
    workers = max(1, min(os.cpu_count() or 1, len(files) // _FILES_OF_A_PROCESS))
    if workers == 1:
        return [list(_docstrings(name, path)) for name, path in files]
    found: list[Docstrings] = [[] for _ in files]
    with ThreadPoolExecutor(workers) as pool:
        # Files are dealt out one by one, because neighbours belong to the same package and are similar in size.
        parts = pool.map(_read_apart, [files[first::workers] for first in range(workers)])
        for first, part in enumerate(parts):
            found[first::workers] = part
    return found


def _read_apart(files: Sequence[tuple[str, str]]) -> list[Docstrings]:
    command = [sys.executable, "-I", __file__]
    process = subprocess.run(command, input=json.dumps(files), stdout=subprocess.PIPE, text=True, check=True)
    return [[(name, docstring) for name, docstring in part] for part in json.loads(process.stdout)]


def _docstrings(module: str, path: str) -> Iterator[tuple[str, str]]:
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    yield from _documented(tree, module)


def _documented(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    docstring = ast.get_docstring(node, clean=False)
    if docstring:
        yield name, docstring
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _documented(child, f"{name}.{child.name}")


if __name__ == "__main__":
    json.dump([list(_docstrings(name, path)) for name, path in json.load(sys.stdin)], sys.stdout)
