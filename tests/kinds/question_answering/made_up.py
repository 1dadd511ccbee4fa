"""A task with targets, contexts and an answer, three rows of each."""

import numpy as np

from tests.kinds.made_up import objects
from tfmtl.kinds.question_answering.options import QuestionAnswering
from tfmtl.kinds.question_answering.targets import NO_ANSWER, TrueAnswer

TASK = QuestionAnswering(name="reply", source="questions", text="question", text_pair="context")
TEXTS = ["Zoë met Omar in Rome.", "It rains.", ""]
TARGETS = objects([(TrueAnswer("Omar", 8), TrueAnswer("in Rome", 13)), (NO_ANSWER,), (NO_ANSWER,)])
ANSWER = {
    "answer": objects(["Rome", "rains", ""]),
    "start": np.array([16, 3, 0], np.int32),
    "end": np.array([20, 8, 0], np.int32),
    "score": np.array([0.75, 0.1, 0.9], np.float32),
}
