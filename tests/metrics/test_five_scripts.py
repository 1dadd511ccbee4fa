"""Metrics have the values of their reference implementations, on random texts and labels in five scripts."""

import random

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import CHRF
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, matthews_corrcoef
from sklearn.preprocessing import MultiLabelBinarizer

from tests.kinds.made_up import column_rows, objects
from tests.kinds.question_answering.test_metrics import by_the_rules
from tests.metrics.test_bleu import by_sacrebleu
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.multi_label.metrics import METRICS as OF_LABEL_SETS
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.kinds.question_answering.metrics import METRICS as OF_ANSWERS
from tfmtl.kinds.question_answering.targets import NO_ANSWER, TrueAnswer
from tfmtl.kinds.tagging.metrics import METRICS as OF_TAGS
from tfmtl.kinds.tagging.targets import padded
from tfmtl.metrics.accuracy import Accuracy
from tfmtl.metrics.bleu import Bleu
from tfmtl.metrics.chrf import ChrF
from tfmtl.metrics.f1 import F1
from tfmtl.metrics.f1_macro import MacroF1
from tfmtl.metrics.matthews import Matthews
from tfmtl.metrics.pearson import Pearson
from tfmtl.metrics.rouge import MEASURES, Rouge1, Rouge2, RougeL, RougeLsum
from tfmtl.metrics.spearman import Spearman

ROWS = 30
SCRIPTS = {
    "latin": (["été", "Forêt", "où", "Straße", "ñandú", "2024"], " ", ", ", "13a"),
    "cyrillic": (["Заказ", "отменён", "счёт", "в", "Київ", "12"], " ", "; ", "13a"),
    "chinese": (list("退款问题已解决订单"), "", "，", "zh"),
    "arabic": (["مرحبا", "بالعالم", "مُحَمَّد", "كتاب", "في", "١٢"], " ", "، ", "13a"),
    "devanagari": (["नमस्ते", "दुनिया", "हिन्दी", "क्षेत्र", "है", "१२"], " ", " - ", "13a"),
}
"""Words, what stands between them, a mark that may stand there instead, and the tokenizer of sacrebleu, by script."""

SEEDED = pytest.mark.parametrize("seed", range(3))
IN_ALL = pytest.mark.parametrize("script", SCRIPTS)


def random_texts(script, seed):
    """Rows of references and a prediction; a text is a list of lines, and a line a list of words."""
    generator = random.Random(f"{script}{seed}")
    words = SCRIPTS[script][0]

    def text():
        return [generator.choices(words, k=generator.randint(1, 7)) for _ in range(generator.randint(1, 2))]

    rows = [[text() for _ in range(generator.randint(1, 3))] for _ in range(ROWS)]
    return rows, [generator.choice([text(), references[0]]) for references in rows]


def written(text, script, seed):
    """A text as it would be written in its script."""
    generator = random.Random(f"{text}{seed}")
    _, space, mark, _ = SCRIPTS[script]
    lines = []
    for line in text:
        parts = [line[0]]
        for word in line[1:]:
            parts += [mark if generator.random() < 0.2 else space, word]
        lines.append("".join(parts))
    return "\n".join(lines)


def written_rows(script, seed):
    rows, said = random_texts(script, seed)
    targets = [tuple(written(text, script, seed) for text in references) for references in rows]
    return targets, [written(text, script, seed) for text in said]


@SEEDED
@IN_ALL
def test_rouge_is_that_of_rouge_score_on_words_with_other_names(script, seed):
    names = {word: f"w{number}" for number, word in enumerate(SCRIPTS[script][0])}
    rows, said = random_texts(script, seed)
    renamed = lambda text: "\n".join(" ".join(names[word] for word in line) for line in text)  # noqa: E731
    scorer = RougeScorer(list(MEASURES))
    targets, predictions = written_rows(script, seed)
    for metric in (Rouge1(), Rouge2(), RougeL(), RougeLsum()):
        expected = [
            max(scorer.score(renamed(reference), renamed(text))[metric.measure].fmeasure for reference in references)
            for references, text in zip(rows, said, strict=True)
        ]
        np.testing.assert_allclose(metric.per_example(targets, predictions), expected, rtol=1e-12)
        assert metric.tokenization(targets) == "unicode"


@SEEDED
def test_rouge_of_english_is_that_of_plain_rouge_score(seed):
    generator = random.Random(seed)
    words = ["the", "Trained", "models", "training", "don't", "running", "café", "2024", "(a)", "state-of-the-art", "x"]
    text = lambda: "\n".join(" ".join(generator.choices(words, k=8)) for _ in range(2))  # noqa: E731
    # So much plain text that one borrowed word does not make it French.
    targets = [(text(),) for _ in range(ROWS)] + [("nothing else is new " * 500,)]
    predictions = [generator.choice([text(), reference]) for (reference,) in targets]
    scorer = RougeScorer(list(MEASURES), use_stemmer=True)
    for metric in (Rouge1(), Rouge2(), RougeL(), RougeLsum()):
        rows = zip(targets, predictions, strict=True)
        expected = [scorer.score(reference, said)[metric.measure].fmeasure for (reference,), said in rows]
        assert metric.per_example(targets, predictions).tolist() == expected


@SEEDED
@IN_ALL
def test_chrf_and_bleu_are_those_of_sacrebleu(script, seed):
    targets, predictions = written_rows(script, seed)
    most = max(map(len, targets))
    columns = [[(*row, *[None] * most)[k] for row in targets] for k in range(most)]
    assert ChrF()(targets, predictions) == pytest.approx(CHRF().corpus_score(predictions, columns).score / 100)
    words = SCRIPTS[script][3]
    assert Bleu().tokenization(targets) == words
    assert Bleu()(targets, predictions) == pytest.approx(by_sacrebleu(targets, predictions, words))


@SEEDED
@IN_ALL
def test_metrics_of_labels_are_those_of_scikit_learn(script, seed):
    generator = np.random.default_rng(seed)
    labels = SCRIPTS[script][0][:4]
    task = Classification(name="topic", source="s", labels=labels)
    true = [str(label) for label in generator.choice(labels, ROWS)]
    probabilities = generator.random([ROWS, 4]).astype(np.float32)
    said = [labels[place] for place in probabilities.argmax(axis=1)]
    targets = kind_of(task).encode(task, column_rows("label", true))
    assert Accuracy()(targets, probabilities) == pytest.approx(accuracy_score(true, said))
    assert MacroF1()(targets, probabilities) == pytest.approx(f1_score(true, said, average="macro"))
    assert Matthews()(targets, probabilities) == pytest.approx(matthews_corrcoef(true, said))
    two = np.isin(true, labels[:2])
    of_two = [labels[place] for place in probabilities[two, :2].argmax(axis=1)]
    expected = f1_score(np.array(true)[two], of_two, pos_label=labels[1])
    assert F1()(targets[two], probabilities[two, :2]) == pytest.approx(expected)


@SEEDED
@IN_ALL
def test_metrics_of_label_sets_are_those_of_scikit_learn(script, seed):
    generator = np.random.default_rng(seed)
    labels = SCRIPTS[script][0][:4]
    task = MultiLabel(name="tags", source="s", label_set=labels)
    true = [[label for label in labels if generator.random() < 0.4] for _ in range(ROWS)]
    probabilities = generator.random([ROWS, 4]).astype(np.float32)
    said = [[label for label, chance in zip(labels, row, strict=True) if chance >= 0.5] for row in probabilities]
    targets = kind_of(task).encode(task, column_rows("labels", [";".join(row) or ";" for row in true]))
    answers = np.stack([probabilities, probabilities >= 0.5], axis=1).astype(np.float32)
    wanted, found = (MultiLabelBinarizer(classes=labels).fit_transform(rows) for rows in (true, said))
    expected = {
        "f1_micro": f1_score(wanted, found, average="micro"),
        "f1_macro": f1_score(wanted, found, average="macro"),
        "average_precision": average_precision_score(wanted, probabilities, average="macro"),
        "subset_accuracy": accuracy_score(wanted, found),
    }
    assert {name: OF_LABEL_SETS[name]()(targets, answers) for name in expected} == pytest.approx(expected)


@SEEDED
@pytest.mark.parametrize("decimals", [0, 6])
def test_correlations_are_those_of_scipy(seed, decimals):
    generator = np.random.default_rng(seed)
    # Rounded numbers have ties.
    true, said = np.round(generator.normal(scale=3.0, size=(2, ROWS)), decimals)
    assert Pearson()(true, said) == pytest.approx(pearsonr(true, said).statistic)
    assert Spearman()(true, said) == pytest.approx(spearmanr(true, said).statistic)


@SEEDED
@IN_ALL
def test_metrics_of_answers_are_those_of_squad(script, seed):
    generator = random.Random(f"{script}{seed}")
    words, space, mark, _ = SCRIPTS[script]
    words = [*words, "The", "an", "(a)", "«", "…"]
    draw = lambda: generator.choice([space, mark]).join(generator.choices(words, k=generator.randint(1, 4)))  # noqa: E731
    true = [[draw() for _ in range(generator.randint(0, 3))] for _ in range(ROWS)]
    said = [generator.choice(["", draw(), *texts]) for texts in true]
    targets = objects([tuple(TrueAnswer(text, 0) for text in texts) or (NO_ANSWER,) for texts in true])
    found = [OF_ANSWERS[name]().per_example(targets, objects(said)) for name in ("f1", "exact_match")]
    expected = [by_the_rules(*pair) for pair in zip(true, said, strict=True)]
    np.testing.assert_allclose(np.transpose(found), expected, rtol=1e-12)


def chunks(tags):
    """The chunks of a text, as the Perl script conlleval finds them, with the cases that seqeval adds for `S`."""
    ended = {"BB", "BS", "BO", "IB", "IS", "IO"} | {f"{before}{tag}" for before in "ES" for tag in "BIESO"}
    begun = {"EE", "EI", "SE", "SI", "OE", "OI"} | {f"{before}{tag}" for before in "BIESO" for tag in "BS"}
    found, first, before, label_before = set(), None, "O", ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, label = tag.partition("-")
        pair, changes = before + prefix, label != label_before
        if first is not None and (pair in ended or (before != "O" and changes)):
            found.add((label_before, first, place))
            first = None
        if pair in begun or (prefix != "O" and changes):
            first = place
        before, label_before = prefix, label
    return found


def random_tags(script, seed):
    generator = random.Random(f"{script}{seed}")
    labels = SCRIPTS[script][0][:3]
    known = ["O", "O", "O", *(f"{prefix}-{label}" for prefix in "BIES" for label in labels)]
    true = [generator.choices(known, k=generator.randint(1, 9)) for _ in range(ROWS)]
    return true, [[generator.choice([tag, tag, generator.choice(known)]) for tag in tags] for tags in true]


@SEEDED
@IN_ALL
def test_metrics_of_tags_are_those_of_conlleval(script, seed):
    true, said = random_tags(script, seed)
    wanted, found = ({(row, *span) for row, tags in enumerate(rows) for span in chunks(tags)} for rows in (true, said))
    precision, recall = len(wanted & found) / len(found), len(wanted & found) / len(wanted)
    targets, predictions = objects([tuple(tags) for tags in true]), padded(said)
    assert OF_TAGS["f1_span"]()(targets, predictions) == pytest.approx(2 * precision * recall / (precision + recall))
    right = [one == other for pair in zip(true, said, strict=True) for one, other in zip(*pair, strict=True)]
    assert OF_TAGS["accuracy"]()(targets, predictions) == pytest.approx(np.mean(right))


@SEEDED
@IN_ALL
def test_metrics_of_tags_are_those_of_seqeval(script, seed):
    seqeval = pytest.importorskip("seqeval.metrics")
    true, said = random_tags(script, seed)
    found = [OF_TAGS[name]()(objects([*map(tuple, true)]), padded(said)) for name in ("f1_span", "accuracy")]
    assert found == pytest.approx([seqeval.f1_score(true, said), seqeval.accuracy_score(true, said)])
