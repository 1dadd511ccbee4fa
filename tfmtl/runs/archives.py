"""Archives of a run that come from elsewhere: none of them becomes larger when it is read.

Keras and NumPy store arrays as they are. A crafted archive can claim more: a compressed member of 0.6 MB expands to 600
MB, and so does an array that only its header describes.
"""

import math
import zipfile
from pathlib import Path

import h5py
import numpy as np

_WEIGHTS = ".h5"
_TEXTS = 64 * 1024**2
"""The maximum size of a member that is not of weights: the description of a model."""


def check_members(archive: zipfile.ZipFile) -> None:
    """Checks that members are as large in an archive as when they are read, and undamaged.

    Raises:
        zipfile.BadZipFile: if one is not.
    """
    names = set()
    for member in archive.infolist():
        is_stored = member.compress_type == zipfile.ZIP_STORED and member.compress_size == member.file_size
        if not is_stored and member.compress_type in _KNOWN:
            raise zipfile.BadZipFile(
                f"'{member.filename}' is compressed, from {member.file_size} bytes to {member.compress_size}"
            )
        if member.filename in names:
            raise zipfile.BadZipFile(f"there are two of '{member.filename}'")
        names.add(member.filename)
    damaged = archive.testzip()
    if damaged:
        raise zipfile.BadZipFile(f"the checksum of '{damaged}' is wrong")


_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
"""The methods that Python reads; it says itself that it does not know another one."""


def check_keras_archive(path: Path) -> None:
    """Checks that a file in the Keras format is whole, and no larger when it is read.

    Raises:
        zipfile.BadZipFile: if it is not.
    """
    with zipfile.ZipFile(path) as archive:
        check_members(archive)
        for member in archive.infolist():
            if member.filename.endswith(_WEIGHTS):
                with archive.open(member) as file, h5py.File(file, "r") as weights:
                    _check_group(weights, member.filename, set())
            elif member.file_size > _TEXTS:
                raise zipfile.BadZipFile(f"'{member.filename}' has {member.file_size} bytes")


def _check_group(group: h5py.Group, place: str, seen: set[int]) -> None:
    """Checks that the datasets of a group are in its file, each of them in its full size, and under one name only."""
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise zipfile.BadZipFile(f"'{name}' of {place} is a link")
        found = group[name]
        address = h5py.h5o.get_info(found.id).addr
        if address in seen:
            raise zipfile.BadZipFile(f"'{found.name}' of {place} has two names")
        seen.add(address)
        if isinstance(found, h5py.Group):
            _check_group(found, place, seen)
        elif found.external or found.is_virtual or found.id.get_storage_size() != found.nbytes:
            raise zipfile.BadZipFile(
                f"'{found.name}' of {place} claims {found.nbytes} bytes and has {found.id.get_storage_size()}"
            )


def array_of(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Returns an array of an archive of NumPy's, if it has the size that its header says.

    Raises:
        ValueError: if it has not, or is not an array of numbers.
    """
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        shape, _, dtype = read_header(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or size != member.file_size - file.tell():
            raise ValueError(f"'{name}' claims {size} bytes and has {member.file_size - file.tell()}")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
