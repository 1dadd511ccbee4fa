import subprocess

import pytest

from tfmtl.data import docstrings
from tfmtl.data.docstrings import read_docstrings

SOURCE = '"""Module."""\nclass A:\n    """Class."""\n    async def f(self):\n        """Method, é."""\ndef g(): pass\n'


@pytest.fixture
def write(tmp_path):
    def write(name, source):
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        return str(path)

    return write


def test_docstrings_come_with_their_qualified_names(write):
    found = read_docstrings([("p.b", write("b.py", SOURCE))])
    assert found == [[("p.b", "Module."), ("p.b.A", "Class."), ("p.b.A.f", "Method, é.")]]


def test_what_is_not_python_or_not_there_has_none(write, tmp_path):
    assert read_docstrings([("p.b", write("b.py", "print 'two'")), ("p.c", str(tmp_path / "c.py"))]) == [[], []]


def test_several_interpreters_find_what_one_does_in_the_same_order(write, monkeypatch):
    files = [
        (f"p.m{number}", write(f"m{number}.py", SOURCE + f'def h{number}():\n    """{number}"""\n'))
        for number in range(7)
    ]
    alone = read_docstrings(files)
    runs = []
    run = subprocess.run
    monkeypatch.setattr(
        docstrings.subprocess, "run", lambda *args, **options: runs.append(args) or run(*args, **options)
    )
    monkeypatch.setattr(docstrings, "_FILES_OF_A_PROCESS", 2)
    monkeypatch.setattr(docstrings.os, "cpu_count", lambda: 3)
    assert read_docstrings(files) == alone
    assert len(runs) == 3
    assert alone[6][-1] == ("p.m6.h6", "6")
