"""The files that runs and exports are made of."""

from pathlib import Path

from tfmtl.core.errors import RunError

_OF_RUNS = {"config.yaml", "rows.json", "history.csv", "checkpoints", "data", "stages", "tensorboard", "tokenizer"}
_OF_EXPORTS = {"saved_model.pb", "fingerprint.pb", "metadata.json", "variables", "assets", "assets.extra"}


def check_is_no_part(output: str | Path, folder: str | Path) -> None:
    """Checks that an output would not replace a part of the run or export that it is made from.

    Args:
        output: the file to write.
        folder: the folder of the run, of the export, or of one version of it.

    Raises:
        RunError: if it would.
    """
    resolved, folder_resolved = Path(output).resolve(), Path(folder).resolve()
    if not resolved.is_relative_to(folder_resolved):
        return
    if (_OF_RUNS | _OF_EXPORTS).intersection(resolved.relative_to(folder_resolved).parts):
        raise RunError(f"{output}: this is a part of {folder}, which would be damaged; choose another file")
