"""Fingerprints of rows, by which a run recognises the rows that it was trained on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfmtl.data.digests import digests
from tfmtl.data.streams import Stream
from tfmtl.kinds.task import field_names

Fingerprints = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By the fields of a stream and by split: `rows`, their number; `text`, a digest; `targets`, one digest per task."""


def fingerprints(streams: Iterable[Stream]) -> Fingerprints:
    """Returns the fingerprints of all splits of streams, as values that JSON can represent."""
    return {what_is_read(stream): {split: digests(rows) for split, rows in stream.splits.items()} for stream in streams}


def what_is_read(stream: Stream) -> str:
    """Returns the source and the fields of a stream, which do not depend on other streams."""
    task = stream.tasks[0]
    texts = (",".join(field_names(fields)) for fields in (task.text, task.text_pair))
    return "/".join(filter(None, (task.source, *texts, "" if task.is_answered else task.name)))


def first_change(before: Fingerprints, now: Fingerprints, splits: Sequence[str]) -> str:
    """Names the first rows that differ from before, and how; an empty string if there are none.

    Streams, splits and tasks that are known on only one side are not compared.
    """
    for stream, found in now.items():
        for split in splits:
            old, new = before.get(stream, {}).get(split), found.get(split)
            difference = _difference(old, new) if old and new else ""
            if difference:
                return f"{split} of {stream}: {difference}"
    return ""


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old["rows"] != new["rows"]:
        return f"{old['rows']} rows then, {new['rows']} now"
    if old["text"] != new["text"]:
        return f"{new['rows']} rows as before, with other texts"
    tasks = [task for task, digest in new["targets"].items() if old["targets"].get(task, digest) != digest]
    return f"{new['rows']} rows as before, with other targets of task '{tasks[0]}'" if tasks else ""
