import subprocess
import sys

import pytest

import tfmtl


def test_the_import_does_not_wait_for_tensorflow():
    code = "import sys, tfmtl; dir(tfmtl); tfmtl.UserError; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", tfmtl.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tfmtl, name).__name__.rpartition(".")[2] == name
    assert name in dir(tfmtl)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = tfmtl.trian
