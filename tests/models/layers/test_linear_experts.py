import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.svm import LinearSVC

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.columns import RaggedColumn
from tfmtl.models.layers.linear_experts import LinearExperts
from tfmtl.models.layers.ngram_ids import ngram_ids

VOCABULARY, BUCKETS, ROWS = 30, 50, 600
GENERATOR = np.random.default_rng(0)


def _rows() -> list[list[int]]:
    """Texts between their marks, of any length, among them one that the layer reads in a batch of its own."""
    return [[2, *GENERATOR.integers(4, VOCABULARY, GENERATOR.integers(0, 12)).tolist(), 3] for _ in range(ROWS)]


TEXTS = _rows()
PIECES = RaggedColumn(np.int32(np.concatenate(TEXTS)), np.cumsum([0, *map(len, TEXTS)]))
LABELS = np.int32([sum(piece > 15 for piece in row) % 3 for row in TEXTS])


def padded(rows: list[list[int]], length: int = 20) -> np.ndarray:
    return np.int32([row + [0] * (length - len(row)) for row in rows])


def features(rows: list[list[int]]) -> sparse.csr_matrix:
    """The TF-IDF weights of scikit-learn, of n-grams counted by Python."""
    counts = np.zeros([len(rows), VOCABULARY + BUCKETS])
    for number, row in enumerate(rows):
        ids, present = (np.array(part)[0] for part in ngram_ids(np.int32([row]), 2, BUCKETS, VOCABULARY))
        np.add.at(counts[number], ids[present], 1)
    return sparse.csr_matrix(counts)


@pytest.fixture(scope="module")
def tfidf():
    return TfidfTransformer(sublinear_tf=True).fit(features(TEXTS))


def experts_of(classes: dict[str, int], **options) -> LinearExperts:
    experts = LinearExperts(VOCABULARY, classes, buckets=BUCKETS, **options, dtype="float32")
    experts.build()
    return experts


@pytest.fixture(scope="module")
def experts():
    experts = experts_of({"topic": 3}, weight=2.5)
    experts.adapt(PIECES, {"topic": LABELS}, [["topic"]])
    return experts


def test_it_says_what_a_support_vector_machine_of_scikit_learn_says(experts, tfidf):
    rows = tfidf.transform(features(TEXTS))
    expected = LinearSVC(random_state=0).fit(rows, LABELS).decision_function(rows)
    np.testing.assert_allclose(experts.idf, tfidf.idf_, rtol=1e-5)
    np.testing.assert_allclose(experts(padded(TEXTS))["topic"], 2.5 * expected, atol=2e-3)


def test_experts_of_a_group_learn_together_what_is_common_and_what_is_each_ones_own(tfidf):
    """A linear model that sees each feature twice, once for all tasks and once for the row's own."""
    first = np.arange(ROWS) % 3 > 0
    labels = {"books": np.where(first, LABELS % 2, -1), "films": np.where(first, -1, LABELS // 2)}
    experts = experts_of({"books": 2, "films": 2}, weight=1.0, inverse_regularization=0.5)
    experts.adapt(PIECES, labels, [["books", "films"]])
    rows = tfidf.transform(features(TEXTS)).toarray()
    own = first[:, None]
    seen = np.concatenate([rows, rows * own, rows * ~own], axis=1)
    machine = LinearSVC(C=0.5, random_state=0).fit(seen, np.where(first, labels["books"], labels["films"]))
    said = experts(padded(TEXTS))
    for task, chosen in (("books", first), ("films", ~first)):
        margins = machine.decision_function(seen[chosen])
        np.testing.assert_allclose(said[task].numpy()[chosen], np.stack([-margins, margins], axis=1), atol=5e-3)


def test_rows_of_a_class_count_as_much_as_its_weight_says(tfidf):
    experts = experts_of({"topic": 3}, weight=1.0)
    experts.adapt(PIECES, {"topic": LABELS}, [["topic"]], {"topic": np.array([0.25, 4.0, 0.0])})
    rows, weights = tfidf.transform(features(TEXTS)), np.array([0.25, 4.0, 0.0])[LABELS]
    counts = weights > 0
    machine = LinearSVC(random_state=0).fit(rows[counts], LABELS[counts], weights[counts])
    margins = machine.decision_function(rows)
    said = experts(padded(TEXTS))["topic"]
    # The third class has no row that counts.
    np.testing.assert_allclose(said, np.stack([-margins, margins, np.full(ROWS, -1.0)], axis=1), atol=2e-3)


def test_tasks_that_are_in_no_group_together_learn_apart(experts):
    apart = experts_of({"topic": 3, "other": 2}, weight=2.5)
    apart.adapt(PIECES, {"topic": LABELS, "other": LABELS % 2}, [["topic"], ["other"]])
    np.testing.assert_allclose(apart(padded(TEXTS))["topic"], experts(padded(TEXTS))["topic"], atol=1e-5)


def test_a_class_without_rows_is_what_no_text_is_of():
    experts = experts_of({"topic": 4}, weight=2.0)
    experts.adapt(PIECES, {"topic": LABELS + (LABELS == 2)}, [["topic"]])
    scores = experts(padded(TEXTS))["topic"].numpy()
    np.testing.assert_array_equal(scores[:, 2], -2.0)
    assert (scores.argmax(axis=1) != 2).all()


@pytest.mark.parametrize("label", [-1, 1])
def test_without_two_classes_in_train_an_expert_says_nothing(label):
    experts = experts_of({"topic": 3})
    experts.adapt(PIECES, {"topic": np.full(ROWS, label)}, [["topic"]])
    np.testing.assert_array_equal(experts(padded(TEXTS))["topic"], np.zeros([ROWS, 3]))


def test_no_gradient_reaches_it(experts):
    assert not experts.trainable_variables


def test_padding_changes_nothing_and_a_row_of_it_has_the_intercepts(experts):
    said = experts(padded(TEXTS, 20))["topic"]
    np.testing.assert_allclose(experts(padded(TEXTS, 33))["topic"], said, atol=1e-5)
    empty = experts(np.zeros([1, 4], np.int32))["topic"]
    np.testing.assert_allclose(empty[0], 2.5 * np.array(experts.intercepts), atol=1e-6)


def test_it_can_be_saved(experts, tmp_path):
    tokens = keras.Input((None,), dtype="int32")
    model = keras.Model(tokens, experts(tokens))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    traced = tf.function(loaded, autograph=False)(tf.constant(padded(TEXTS)))
    np.testing.assert_allclose(traced["topic"], experts(padded(TEXTS))["topic"], atol=1e-5)


def test_weights_of_sixteen_bits_say_nearly_the_same(experts):
    smaller = LinearExperts.from_config({**experts.get_config(), "dtype": "bfloat16"})
    smaller.build()
    smaller.set_weights(experts.get_weights())
    said = smaller(padded(TEXTS))["topic"]
    assert said.dtype == tf.float32
    np.testing.assert_allclose(said, experts(padded(TEXTS))["topic"], atol=0.05)


def test_options_are_validated_and_unknown_ones_refused():
    with pytest.raises(ConfigurationError, match=r"^LinearExperts.order: .* found 9$"):
        LinearExperts(VOCABULARY, {"topic": 2}, order=9)
    with pytest.raises(ValueError, match="oder"):
        LinearExperts(VOCABULARY, {"topic": 2}, oder=2)
