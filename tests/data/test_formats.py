"""Generated tables in every format of files, against what pandas reads in them."""

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfmtl.config.experiment import parse
from tfmtl.data.streams import load_streams

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
}
# Without tabs and quotes, which a TSV file takes as they are; with a letter, so that none is taken as missing.
TEXTS = st.text(
    st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters='"'), min_size=1, max_size=9
).map("t{}".format)
LABEL_SETS = [
    ["no", "yes", "on", "off"],
    ["é", "Ω", "日本", "да"],
    ["a b", " a", "A;B", "x,y", "it's"],
    [1, 2, -3],
    [0.5, 1.5, 20.25],
    [True, False],
]
MISSING = ["", "NA", "N/A", "nan", "NaN", "None", "NULL", "null", "n/a"]
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def tables(draw):
    """Rows with a text, a label of one set or none, and a label that every row has."""
    labels = draw(st.sampled_from(LABEL_SETS))
    rows = draw(st.lists(st.tuples(TEXTS, st.sampled_from(labels) | st.none()), min_size=2, max_size=10))
    # A label set has at least two labels.
    rows += [(draw(TEXTS), label) for label in labels[:2]]
    frame = pandas.DataFrame(rows, columns=["text", "label"], dtype=object)
    return frame.assign(known=["ab"[k % 2] for k in range(len(rows))])


def labels_of(path, form):
    """The label of each row by its name; `None` where there is none."""
    kind = {"kind": "classification", "source": "s"}
    tasks = {"known": {**kind, "label": "known"}, "asked": {**kind, "label": "label"}}
    # Splits of their own, so that none is cut from the training rows.
    source = {"format": form, **dict.fromkeys(("train", "validation", "test"), str(path))}
    (stream,), resolved = load_streams(parse({"sources": {"s": source}, "tasks": tasks}), ["train"])
    names = resolved["asked"].labels
    examples = stream.splits["train"]
    found = [names[index] if index >= 0 else None for index in examples.targets["asked"]]
    return list(examples.text), found


def read_by_pandas(path, form):
    if form in ("csv", "tsv"):
        return pandas.read_csv(path, sep="," if form == "csv" else "\t", dtype=str, keep_default_na=True)
    if form == "parquet":
        return pandas.read_parquet(path)
    return pandas.read_json(path, lines=form == "jsonl", dtype=False, convert_dates=False)


def written(label):
    """A label as one name, whatever its type in a file."""
    if pandas.isna(label):
        return None
    if isinstance(label, bool) or str(label) in ("True", "False"):
        return str(label).lower()
    try:
        return str(int(label)) if float(label) == int(float(label)) else str(float(label))
    except (TypeError, ValueError):
        return str(label).strip()


@pytest.mark.parametrize("form", WRITERS)
@few
@given(tables())
def test_labels_and_missing_ones_are_those_that_pandas_reads(form, tmp_path, frame):
    path = tmp_path / f"table.{form}"
    if form == "parquet":
        # A column has one type there.
        frame = frame.convert_dtypes()
    WRITERS[form](frame, path)
    expected = read_by_pandas(path, form)
    texts, labels = labels_of(path, form)
    assert labels == [written(label) for label in expected["label"]]
    if form not in ("csv", "tsv"):
        assert texts == expected["text"].tolist()


@pytest.mark.parametrize("form", ["csv", "tsv"])
@few
@given(st.lists(st.sampled_from([*MISSING, "no", "yes"]), min_size=1, max_size=10))
def test_what_pandas_takes_as_missing_is_missing(form, tmp_path, labels):
    labels = ["no", "yes", *labels]
    path = tmp_path / f"table.{form}"
    rows = {"text": ["words"] * len(labels), "known": ["ab"[k % 2] for k in range(len(labels))], "label": labels}
    WRITERS[form](pandas.DataFrame(rows), path)
    expected = read_by_pandas(path, form)["label"]
    assert labels_of(path, form)[1] == [None if pandas.isna(label) else label for label in expected]
