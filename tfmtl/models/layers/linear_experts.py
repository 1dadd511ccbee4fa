"""Linear models of n-grams for tasks that classify texts, fitted to training rows before the network is trained."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, ops
from scipy import sparse
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from tfmtl.config.options import LinearExpertOptions
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.models.layers.ngram_ids import ngram_ids, table_rows
from tfmtl.models.layers.options_layer import OptionsLayer

_READ_AT_ONCE = 256


@keras.saving.register_keras_serializable("tfmtl")
class LinearExperts(OptionsLayer):
    """Linear support vector machines on the TF-IDF weights of a text's tokens and hashed n-grams.

    On small datasets such a model is hard to beat, and a linear model that is trained by gradients in a few passes
    falls short of it, because most n-grams occur too rarely. So scikit-learn fits it before the network is trained. Its
    scores are averaged with the logits of the task's head; see `LogitAverage`.

    TF-IDF weights are those of scikit-learn's `TfidfVectorizer(sublinear_tf=True)`: `(1 + ln count) * (1 + ln((1 +
    rows) / (1 + rows with it)))`, divided by the row's Euclidean norm. Like Keras' `Normalization`, the layer is fitted
    by `adapt`.

    Args:
        vocabulary_size: the tokenizer's vocabulary size.
        classes: the number of labels of each task.
        **kwargs: `LinearExpertOptions` and the arguments of every Keras layer.
    """

    options_class = LinearExpertOptions

    def __init__(self, vocabulary_size: int, classes: Mapping[str, int], **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.classes = dict(classes)

    def build(self, tokens_shape=None):
        rows = table_rows(self.options.order, self.options.buckets, self.vocabulary_size)
        columns = sum(self.classes.values())
        self.idf = self.add_weight(name="idf", shape=(rows,), initializer="ones", trainable=False)
        self.intercepts = self.add_weight(name="intercepts", shape=(columns,), initializer="zeros", trainable=False)
        # One table for all tasks: an n-gram is looked up once, and Keras knows how to quantize an embedding.
        self.coefficients = keras.layers.Embedding(
            rows, columns, "zeros", trainable=False, name="coefficients", dtype=self.dtype_policy
        )
        self.coefficients.build()

    def call(self, tokens) -> dict[str, KerasTensor]:
        """Returns the margins of each task times `weight`, float32 `[batch, classes]`.

        Args:
            tokens: ids of the texts, int32 `[batch, length]`.
        """
        ids, values = self._features(tokens)
        gathered = ops.cast(self.coefficients(ids), "float32")
        margins = ops.matmul(values[:, None, :], gathered)[:, 0] + ops.cast(self.intercepts, "float32")
        return self._by_task(self.options.weight * margins)

    def compute_output_shape(self, tokens_shape):
        return {task: (tokens_shape[0], classes) for task, classes in self.classes.items()}

    def _by_task(self, columns) -> dict:
        """Returns the columns of each task, `[batch, classes]`, out of those of all tasks."""
        ends = np.cumsum([*self.classes.values()])
        return {task: columns[:, end - self.classes[task] : end] for task, end in zip(self.classes, ends, strict=True)}

    def _features(self, tokens) -> tuple[KerasTensor, KerasTensor]:
        """Returns the n-grams of each row and their TF-IDF weights, divided equally among an n-gram's occurrences."""
        ids, present = ngram_ids(tokens, self.options.order, self.options.buckets, self.vocabulary_size)
        # Absent n-grams are sorted apart from all others and have no weight.
        ordered = ops.sort(ops.where(present, ids, -1), axis=1)
        ends = tf.searchsorted(ordered, ordered, side="right")
        count = ops.cast(ends - tf.searchsorted(ordered, ordered, side="left"), "float32")
        ids, present = ops.maximum(ordered, 0), ops.cast(ordered >= 0, "float32")
        weights = present * (1.0 + ops.log(count)) * ops.cast(ops.take(self.idf, ids, axis=0), "float32")
        squares = ops.sum(ops.square(weights) / count, axis=1, keepdims=True)
        return ids, weights / (count * ops.sqrt(ops.maximum(squares, keras.config.epsilon())))

    def adapt(
        self,
        tokens: RaggedColumn,
        targets: Mapping[str, np.ndarray],
        groups: Sequence[Sequence[str]],
        class_weights: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Fits the experts to training rows.

        The tasks of a group have the same labels, and their experts are fitted together: `w_t = w_0 + v_t`, where `w_0`
        is fitted to the rows of all of them (Daumé III 2007, "Frustratingly easy domain adaptation", eq. 1).

        Args:
            tokens: the packed texts.
            targets: the targets of each task, int `[rows]`; -1 where there is none.
            groups: the names of the tasks, each in exactly one group.
            class_weights: for each task, the factor of the loss of a row of each class, `[classes]`; `None` stands for
                ones.
        """
        if class_weights is None:
            class_weights = {task: np.ones(classes) for task, classes in self.classes.items()}
        features = self._matrix(tokens)
        frequencies = np.asarray((features > 0).sum(axis=0)).ravel()
        idf = 1.0 + np.log((1.0 + features.shape[0]) / (1.0 + frequencies))
        features = normalize(features @ sparse.diags(idf / self.idf.numpy()))
        self.idf.assign(idf)
        fitted: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for group in groups:
            known = {task: np.flatnonzero(targets[task] >= 0) for task in group}
            labels = {task: targets[task][rows] for task, rows in known.items()}
            machine = LinearSVC(C=self.options.inverse_regularization, random_state=0)
            of_group = _fit(
                machine,
                [features[rows] for rows in known.values()],
                np.concatenate([*labels.values()]),
                np.concatenate([class_weights[task][of_task] for task, of_task in labels.items()]),
                self.classes[group[0]],
            )
            fitted |= zip(group, of_group, strict=True)
        coefficients, intercepts = zip(*(fitted[task] for task in self.classes), strict=True)
        self.coefficients.embeddings.assign(np.concatenate(coefficients, axis=1))
        self.intercepts.assign(np.concatenate(intercepts))

    def _matrix(self, tokens: RaggedColumn) -> sparse.csr_matrix:
        """Returns the TF-IDF weights of the rows, `[rows, rows of the table]`."""
        rows, columns, values = [], [], []
        for start in range(0, len(tokens), _READ_AT_ONCE):
            chosen = np.arange(start, min(start + _READ_AT_ONCE, len(tokens)))
            ids, weights = map(np.asarray, self._features(tokens.take(chosen).graph()[:-1].to_tensor(PAD_ID)))
            present = weights > 0
            rows.append(np.broadcast_to(chosen[:, None], ids.shape)[present])
            columns.append(ids[present])
            values.append(weights[present])
        places = np.concatenate(rows), np.concatenate(columns)
        return sparse.csr_matrix((np.concatenate(values), places), (len(tokens), self.idf.shape[0]))

    def get_config(self):
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size, "classes": self.classes}


def augmented(features: Sequence[sparse.csr_matrix]) -> sparse.csr_matrix:
    """Returns the rows of several tasks with each feature twice: once for all tasks, once for the row's own task.

    Daumé III 2007, "Frustratingly easy domain adaptation", eq. 1.

    Args:
        features: the features of each task, `[rows, features]`.

    Returns:
        `[all rows, features * (1 + tasks)]`.
    """
    return sparse.hstack([sparse.vstack(features), sparse.block_diag(features)], format="csr")


def _fit(
    machine: LinearSVC, features: Sequence[sparse.csr_matrix], labels: np.ndarray, weights: np.ndarray, classes: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns coefficients `[features, classes]` and intercepts `[classes]` of each task of a group.

    Args:
        machine: the machine to fit.
        features: the features of each task, `[rows, features]`.
        labels: the labels of the rows of all tasks, `[all rows]`.
        weights: the weights of these rows, `[all rows]`.
        classes: the number of classes.
    """
    if len(np.unique(labels[weights > 0])) < 2:
        # With fewer than two classes, there is nothing to learn: the expert scores all classes zero.
        return [(np.zeros([features[0].shape[1], classes]), np.zeros(classes))] * len(features)
    rows = augmented(features) if len(features) > 1 else features[0]
    counts = weights > 0
    coefficients, intercepts = _by_class(machine.fit(rows[counts], labels[counts], weights[counts]), classes)
    common, *own = np.split(coefficients, rows.shape[1] // features[0].shape[1])
    return [(common + part, intercepts) for part in own or [0.0]]


def _by_class(machine: LinearSVC, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns one-against-the-rest coefficients `[features, classes]` and intercepts, also for only two classes.

    A class without rows has the intercept that means "not this", and no coefficients.
    """
    known, signs = machine.classes_, np.array([[-1.0], [1.0]]) if len(machine.classes_) == 2 else 1.0
    coefficients, intercepts = np.zeros([machine.coef_.shape[1], classes]), np.full(classes, -1.0)
    coefficients[:, known] = (signs * machine.coef_).T
    intercepts[known] = np.ravel(np.squeeze(signs) * machine.intercept_)
    return coefficients, intercepts
