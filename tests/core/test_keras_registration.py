import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "order", ["import keras\nimport tfmtl", pytest.param("import tfmtl\nimport keras", marks=pytest.mark.large)]
)
def test_a_saved_model_is_known_by_name_after_the_import_alone(order):
    program = f"""
import sys
{order}
stand_in = keras.saving.get_registered_object("tfmtl>MultiTaskModel")
assert "tfmtl.models.multi_task_model" not in sys.modules
try:
    stand_in.from_config({{}})
except KeyError as error:
    print("missing", error)
assert keras.saving.get_registered_object("tfmtl>MultiTaskModel").__module__ == "tfmtl.models.multi_task_model"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "missing 'layers'"


def test_importing_the_package_imports_no_keras():
    program = "import sys, tfmtl; print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False False"
