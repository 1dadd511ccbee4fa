"""Requests and answers as JSON, in TensorFlow Serving's row form and column form."""

import base64
import binascii
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from tfmtl.core.errors import nearest
from tfmtl.serving.export.signatures import ALL_TASKS
from tfmtl.serving.server.faults import Fault, RequestError, check_rows
from tfmtl.serving.server.servable import Arrays

_SHOWN = 60
_NONE: Mapping[str, list] = MappingProxyType({})


@dataclass(frozen=True)
class Body:
    """The JSON object of a request.

    Attributes:
        fields: all fields of the object.
        signature: the signature that it asks.
    """

    fields: Mapping[str, Any]
    signature: str

    @classmethod
    def parse(cls, content: bytes, known: Sequence[str], most: int = sys.maxsize) -> Self:
        """Returns the object in a request's body.

        Args:
            content: the content of the body.
            known: the fields that are allowed in addition to `signature_name`.
            most: the maximum number of rows.

        Raises:
            RequestError: if it is not a JSON object in UTF-8, has unknown fields or too many rows.
        """
        try:
            fields = json.loads(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise _invalid(f"the body is not UTF-8, at byte {error.start}") from None
        except json.JSONDecodeError as error:
            raise _invalid(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
        except (RecursionError, ValueError):
            raise _invalid(
                "the body is not JSON that can be read: it is nested too deeply, or a number is too long"
            ) from None
        if not isinstance(fields, dict):
            raise _invalid(f"the body is not a JSON object: {_short(fields)}")
        known = [*known, "signature_name"]
        for name in fields:
            if name not in known:
                raise _invalid(f"unknown field '{name[:_SHOWN]}'; {nearest(name, known)}")
        # Here, where nothing has been made of the rows yet, and on the thread that reads large bodies.
        for rows in _lists(fields):
            check_rows(len(rows), most)
        signature = fields.get("signature_name", ALL_TASKS)
        if not isinstance(signature, str):
            raise _invalid(f"'signature_name' is not a string: {_short(signature)}")
        return cls(fields, signature or ALL_TASKS)

    @property
    def explains(self) -> bool:
        """Whether the answer should say which words speak for it.

        Raises:
            RequestError: if this is neither true nor false.
        """
        explain = self.fields.get("explain", False)
        if not isinstance(explain, bool):
            raise _invalid(f"'explain' is neither true nor false: {_short(explain)}")
        return explain

    def is_row_form(self) -> bool:
        """Whether the answer should have one value per row.

        Raises:
            RequestError: if the body has both forms, or neither.
        """
        forms = [form for form in ("instances", "inputs") if form in self.fields]
        if len(forms) != 1:
            raise _invalid("the body needs either 'instances', one value per row, or 'inputs', one list per input")
        return forms == ["instances"]


def _lists(fields: Mapping[str, Any]) -> list[list]:
    """Returns the lists of rows in the fields of a request."""
    values = [value for field in fields.values() for value in (field.values() if isinstance(field, dict) else [field])]
    return [value for value in values if isinstance(value, list)]


def of_rows(rows: Any, names: Sequence[str], place: str = "instances") -> dict[str, np.ndarray]:
    """Returns inputs, string `[rows]` each, from one JSON value per row.

    A row is an object with a value for each input, or that value alone if there is only one input.

    Args:
        rows: the JSON list.
        names: the names of the signature's inputs.
        place: the name of the list in messages.

    Raises:
        RequestError: if it is not a list, or a row lacks an input.
    """
    if not isinstance(rows, list):
        raise _invalid(f"'{place}' is not a list: {_short(rows)}")
    columns: dict[str, list[bytes]] = {name: [] for name in names}
    for index, row in enumerate(rows):
        where = f"{place}[{index}]"
        if not isinstance(row, Mapping) or _is_binary(row):
            if len(names) > 1:
                raise _invalid(f"{where} is not an object with the inputs {', '.join(names)}: {_short(row)}")
            row = {names[0]: row}
        for name in row:
            if name not in names:
                raise _invalid(f"{where}: there is no input '{name[:_SHOWN]}'; {nearest(name, names)}")
        for name in names:
            if name not in row:
                raise _invalid(f"{where} has no '{name}'")
            columns[name].append(_bytes(row[name], f"{where}: '{name}'"))
    return {name: _array(values) for name, values in columns.items()}


def of_columns(columns: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns inputs, string `[rows]` each, from one JSON list per input, or from a single list for a single input.

    Raises:
        RequestError: if it is neither.
    """
    if not isinstance(columns, Mapping):
        if len(names) > 1:
            raise _invalid(f"'inputs' is not an object with the inputs {', '.join(names)}: {_short(columns)}")
        columns = {names[0]: columns}
    arrays = {}
    for name, values in columns.items():
        if name not in names:
            raise _invalid(f"there is no input '{name[:_SHOWN]}'; {nearest(name, names)}")
        if not isinstance(values, list):
            raise _invalid(f"input '{name}' is not a list with one value per row: {_short(values)}")
        arrays[name] = _array([_bytes(value, f"'{name}'[{index}]") for index, value in enumerate(values)])
    return arrays


def as_rows(outputs: Arrays, explanations: Mapping[str, list] = _NONE) -> list[Any]:
    """Returns one JSON value per row: an object by output, or the value alone if there is only one output.

    Args:
        outputs: the outputs of a signature.
        explanations: further outputs as JSON values, one per row.
    """
    columns = {name: as_json(values) for name, values in outputs.items()} | explanations
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def as_columns(outputs: Arrays, explanations: Mapping[str, list] = _NONE) -> Any:
    """Returns one JSON list per output, or the list alone if there is only one output; see `as_rows`."""
    columns = {name: as_json(values) for name, values in outputs.items()} | explanations
    return next(iter(columns.values())) if len(columns) == 1 else columns


def as_json(values: np.ndarray) -> list[Any]:
    """Returns nested lists of strings or numbers; a float has the fewest digits that restore the same float32."""
    if values.dtype == object:
        texts = [value.decode("utf-8", "replace") for value in values.ravel()]
        return np.array(texts, object).reshape(values.shape).tolist()
    if values.dtype.kind == "f":
        return values.astype("U32").astype(np.float64).tolist()
    return values.tolist()


def _bytes(value: Any, place: str) -> bytes:
    if isinstance(value, str):
        # JSON allows half of a surrogate pair, UTF-8 does not.
        return value.encode("utf-8", "replace")
    if _is_binary(value):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise _invalid(f"{place} is not base64") from None
    raise _invalid(f"{place} is not a string: {_short(value)}")


def _is_binary(value: Any) -> bool:
    return isinstance(value, Mapping) and list(value) == ["b64"] and isinstance(value["b64"], str)


def _array(values: Sequence[bytes]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _invalid(message: str) -> RequestError:
    return RequestError(Fault.INVALID, message)


def _short(value: Any) -> str:
    return json.dumps(value)[:_SHOWN]
