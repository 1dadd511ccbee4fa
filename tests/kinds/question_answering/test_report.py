import numpy as np

from tests.kinds.made_up import examples, objects
from tests.kinds.question_answering.made_up import ANSWER, TARGETS, TASK, TEXTS
from tfmtl.kinds.question_answering.baselines import baselines
from tfmtl.kinds.question_answering.report import section
from tfmtl.reports.task_result import TaskResult

QUESTIONS = objects(["Who met Zoë?", "What does it do?", "Why?"])


def test_questions_without_an_answer_are_told_apart_and_mistakes_shown():
    found = section(TaskResult(TASK, QUESTIONS, TARGETS, ANSWER, {}, objects(TEXTS)))
    # Rome is one of the two words of the second true answer.
    assert "| with an answer | 1 | 1 | 0.667 | 0.000 |" in found
    assert "| without | 2 | 1 | 0.500 | 0.500 |" in found
    assert "| What does it do? | none | rains | 0.100 |" in found


def test_the_nearest_sentence_has_the_words_of_the_question():
    contexts = ["Omar is old. Zoë lives in Rome.", "Nothing here.", ""]
    train = examples(TASK, QUESTIONS, TARGETS, pairs=contexts)
    asked = examples(TASK, ["Where does Zoë live in?", "x", "y"], TARGETS, pairs=contexts)
    found = baselines(TASK, train, asked)
    assert found["no_answer"]["answer"].tolist() == ["", "", ""]
    nearest = found["nearest_sentence"]
    assert nearest["answer"].tolist() == ["Zoë lives in Rome.", "Nothing here.", ""]
    assert [contexts[0][nearest["start"][0] : nearest["end"][0]]] == ["Zoë lives in Rome."]
    assert nearest["start"].dtype == np.int32
