"""Sources from TensorFlow Datasets (TFDS)."""

import contextlib
import difflib
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from pydantic import Field

from tfmtl.core.errors import DataError
from tfmtl.core.registry import SOURCES
from tfmtl.data.rows import Rows
from tfmtl.data.sources.source import SourceOptions, require_fields

_BATCH = 1024


class TfdsOptions(SourceOptions):
    """The dataset and its splits.

    If no split is named, the dataset's own splits are used under their own names.

    Attributes:
        name: the name of the dataset, e.g. `glue/sst2` or `glue/sst2:2.0.0`.
        data_dir: the folder of prepared datasets; the default folder of TFDS if absent.
        train: the training split: a split of the dataset, or a TFDS expression such as `train[:90%]`.
        validation: the validation split, in the same form; cut from the training rows if absent.
        test: the test split, in the same form; cut from the training rows if absent.
        splits: further splits, by name, in the same form.
        download: whether a dataset that is not prepared may be downloaded and prepared.
    """

    name: str
    data_dir: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    splits: dict[str, str] = Field(default_factory=dict)
    download: bool = False


@SOURCES.register("tfds", options=TfdsOptions)
class TfdsSource:
    """A dataset of TensorFlow Datasets that is already prepared; it is downloaded only with `download: true`."""

    def __init__(self, options: TfdsOptions):
        self.options = options

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self._expressions)

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields`; a class label is given by its name, or is `None` if the dataset hides it."""
        import tensorflow_datasets as tfds

        features = self._builder.info.features
        require_fields(fields, features, self.options.name)
        expression = self._expressions[split]
        decoders = tfds.decode.PartialDecoding(dict.fromkeys(fields, True))
        converters = {field: _converter(features[field]) for field in fields}
        columns: dict[str, list] = {field: [] for field in fields}
        try:
            with _quiet():
                dataset = self._builder.as_dataset(split=expression, decoders=decoders)
        except (ValueError, AssertionError) as error:
            raise DataError(f"{self.options.name}, split '{expression}': {_first_line(error)}") from None
        for batch in dataset.ragged_batch(_BATCH):
            for field, values in columns.items():
                values.extend(map(converters[field], _as_list(batch[field])))
        return Rows(columns, lambda row: f"{self.options.name}, split '{expression}', row {row + 1}")

    @cached_property
    def _expressions(self) -> dict[str, str]:
        named = {split: getattr(self.options, split) for split in ("train", "validation", "test")}
        named = {split: expression for split, expression in {**named, **self.options.splits}.items() if expression}
        return named or {split: split for split in self._builder.info.splits}

    @cached_property
    def _builder(self) -> Any:
        import tensorflow_datasets as tfds

        name = self.options.name
        try:
            with _quiet():
                builder = tfds.builder(name, data_dir=self.options.data_dir)
        except (tfds.core.DatasetNotFoundError, ValueError):
            raise DataError(f"{name}: TensorFlow Datasets has no such dataset{_suggestion(name)}") from None
        except (RuntimeError, ImportError) as error:
            raise DataError(f"{name}: {_first_line(error)}") from None
        if not builder.info.splits:
            self._prepare(builder)
        return builder

    def _prepare(self, builder: Any) -> None:
        if not self.options.download:
            raise DataError(
                f"{self.options.name}: the dataset is not prepared in {builder.data_path}; "
                "set 'data_dir' to where it is, or 'download: true'"
            )
        try:
            builder.download_and_prepare()
        except Exception as error:  # TFDS raises whatever its builders and the network raise.
            raise DataError(f"{self.options.name}: download failed: {_first_line(error)}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the warnings of TFDS about its own code and about folders without data; our errors name them better."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _suggestion(name: str) -> str:
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    dataset = name.partition("/")[0]
    if dataset in known:
        known = [f"{dataset}/{config}" for config in tfds.builder_cls(dataset).builder_configs]
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _as_list(values: Any) -> list:
    """Returns a batch as plain values: `[batch]`, or `[batch, (length)]` for a ragged tensor."""
    return values.to_list() if hasattr(values, "to_list") else values.numpy().tolist()


def _converter(feature: Any) -> Callable[[Any], Any]:
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.ClassLabel):
        return lambda index: feature.int2str(index) if index >= 0 else None
    return _decoded


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value
