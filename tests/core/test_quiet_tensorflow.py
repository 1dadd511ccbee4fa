import subprocess
import sys

# A stand-in for TensorFlow, that writes to the standard error as its C++ libraries do, past Python's sys.stderr.
PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1])
from tfmtl.core.quiet_tensorflow import import_tensorflow
import_tensorflow()
import tensorflow
os.write(2, b"after")
"""


def run(tmp_path, module: str, **environment: str) -> subprocess.CompletedProcess:
    (tmp_path / "tensorflow.py").write_text(f"import os\nos.write(2, b'noise ')\n{module}\n")
    (tmp_path / "tensorflow_text.py").write_text("")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_what_the_libraries_write_is_held_back(tmp_path):
    finished = run(tmp_path, "")
    assert (finished.returncode, finished.stderr) == (0, "after")


def test_it_is_shown_where_the_import_fails(tmp_path):
    finished = run(tmp_path, "raise ImportError('no such library')")
    assert finished.returncode == 1
    assert finished.stderr.startswith("noise ") and "ImportError: no such library" in finished.stderr


def test_a_user_who_asks_for_messages_gets_them(tmp_path):
    assert run(tmp_path, "", TF_CPP_MIN_LOG_LEVEL="0").stderr == "noise after"
