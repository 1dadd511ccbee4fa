import numpy as np
import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from tfmtl.core.errors import DataError  # noqa: E402
from tfmtl.data.sources.tfds import TfdsOptions, TfdsSource  # noqa: E402

LABELS = ["no", "yes"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A prepared dataset `tiny` with 10 rows of train and 2 of test, whose labels are hidden."""
    folder = tmp_path_factory.mktemp("tfds")
    features = {
        "text": tfds.features.Text(),
        "sentences": tfds.features.Sequence(tfds.features.Text()),
        "label": tfds.features.ClassLabel(names=LABELS),
        "score": tfds.features.Scalar(np.float32),
    }

    def row(number, label):
        return {"text": f"é{number}", "sentences": ["a"] * (number % 3), "label": label, "score": number / 2}

    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            "train": [(number, row(number, number % 2)) for number in range(10)],
            "test": [(number, row(number, -1)) for number in range(2)],
        },
        data_dir=folder,
    )
    return str(folder)


def source(data_dir, **options):
    return TfdsSource(TfdsOptions(name="tiny", data_dir=data_dir, **options))


def rows_by_text(rows):
    """Rows in the order of their texts: the writer of TFDS shuffles them."""
    return sorted(zip(*rows.columns.values(), strict=True))


def test_without_named_splits_the_datasets_own_are_there(data_dir):
    assert set(source(data_dir).splits) == {"train", "test"}


def test_labels_become_names_bytes_become_text_and_sequences_lists(data_dir):
    rows = source(data_dir).read("train", ["text", "sentences", "label", "score"])
    expected = [(f"é{number}", ["a"] * (number % 3), LABELS[number % 2], number / 2) for number in range(10)]
    assert rows_by_text(rows) == expected


def test_hidden_labels_are_missing(data_dir):
    assert source(data_dir).read("test", ["label"]).columns == {"label": [None, None]}


def test_split_expressions_part_a_split(data_dir):
    parted = source(data_dir, train="train[:80%]", validation="train[80%:]", splits={"all": "train+test"})
    assert parted.splits == ("train", "validation", "all")
    train, validation = (parted.read(split, ["text"]).columns["text"] for split in ("train", "validation"))
    assert (len(train), len(validation)) == (8, 2)
    assert {*train, *validation} == {f"é{number}" for number in range(10)}
    assert len(parted.read("all", ["text"])) == 12


def test_the_order_never_changes_and_rows_have_places(data_dir):
    first, second = (source(data_dir).read("train", ["text"]) for _ in range(2))
    assert first.columns == second.columns
    assert first.place(0) == "tiny, split 'train', row 1"


@pytest.mark.parametrize(
    ("options", "fields", "expected"),
    [
        ({"train": "trian"}, ["text"], "tiny, split 'trian': Unknown split 'trian'."),
        ({"train": "train[:9"}, ["text"], "tiny, split 'train[:9': Error parsing split 'train[:9'."),
        ({"train": "train[:0]"}, ["text"], "tiny, split 'train[:0]': Instruction [] corresponds to no data!"),
        ({}, ["txt"], "tiny: there is no column 'txt'; did you mean 'text'? (known: label, score, sentences, text)"),
        ({"name": "samsun"}, ["text"], "samsun: TensorFlow Datasets has no such dataset; did you mean 'samsum'?"),
        (
            {"name": "glue/sst3"},
            ["text"],
            "glue/sst3: TensorFlow Datasets has no such dataset; did you mean 'glue/sst2'?",
        ),
        ({"name": "glue/qqp"}, ["text"], "glue/qqp: the dataset is not prepared in "),
    ],
)
def test_what_is_not_there_is_one_line(data_dir, options, fields, expected):
    broken = TfdsSource(TfdsOptions(**{"name": "tiny", "data_dir": data_dir, **options}))
    with pytest.raises(DataError) as caught:
        broken.read("train", fields)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_nothing_is_downloaded_unless_asked(data_dir, monkeypatch):
    asked = []
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", lambda self: asked.append(self.name))
    with pytest.raises(DataError, match="the dataset is not prepared"):
        _ = TfdsSource(TfdsOptions(name="samsum", data_dir=data_dir)).splits
    assert asked == []
    _ = TfdsSource(TfdsOptions(name="samsum", data_dir=data_dir, download=True)).splits
    assert asked == ["samsum"]


def test_a_download_that_fails_is_one_line(data_dir, monkeypatch):
    def fail(self):
        raise OSError("no network\nand more")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(DataError, match=r"^samsum: download failed: no network$"):
        TfdsSource(TfdsOptions(name="samsum", data_dir=data_dir, download=True)).read("train", ["summary"])
