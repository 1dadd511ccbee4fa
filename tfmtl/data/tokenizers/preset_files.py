"""Finds the files of presets, wherever people have them."""

from pathlib import Path

import huggingface_hub
import kagglehub
import keras_hub


def preset_file(preset: str, file: str) -> Path:
    """Returns the path of a file of a preset, which is downloaded if need be.

    Args:
        preset: a preset of KerasHub, a handle such as `hf://...` or `kaggle://...`, or the path of a folder.
        file: the name of the file.

    Raises:
        ValueError: if the preset is none of these.
        OSError: if it does not have the file, or cannot be reached.
    """
    presets = keras_hub.models.Backbone.presets
    if preset in presets:
        preset = presets[preset]["kaggle_handle"]
    scheme, _, handle = preset.rpartition("://")
    if scheme == "hf":
        return Path(huggingface_hub.hf_hub_download(handle, file))
    if scheme == "kaggle":
        return Path(kagglehub.model_download(handle, file))
    if scheme:
        raise ValueError("handles begin with 'hf://' or 'kaggle://'")
    if not Path(preset).is_dir():
        raise ValueError("it is neither a preset of KerasHub, nor a handle such as 'hf://user/model', nor a folder")
    return Path(preset) / file


def preset_error(preset: str, error: Exception) -> str:
    """Returns one line that explains why a preset cannot be loaded."""
    if not Path(preset).is_dir() and "/" in preset and "://" not in preset:
        return f"there is no folder '{preset}'"
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"'{preset}' has no {Path(error.filename).name}"
    return f"'{preset}' cannot be loaded: {' '.join(str(error).split())[:200]}"
