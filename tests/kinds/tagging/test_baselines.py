from tests.kinds.made_up import examples, objects
from tests.kinds.tagging.made_up import TASK
from tfmtl.kinds.tagging.baselines import baselines

TEXTS = ["from Rome to Oslo", "to Rome from Oslo", "from Paris", "may to may"]
TAGS = objects([("O", "B-city", "O", "B-city"), ("O", "B-city", "O", "B-city"), ("O", "B-city"), ("B-city", "O", "O")])
ASKED = ["to Paris now", "", "from Cairo"]


def answers(name):
    asked = examples(TASK, ASKED, objects([()] * 3))
    return baselines(TASK, examples(TASK, TEXTS, TAGS), asked)[name]["tags"].tolist()


def test_a_word_has_its_most_frequent_tag():
    # New words have the most frequent tag of all.
    assert answers("most_frequent") == [["O", "B-city", "O"], ["", "", ""], ["O", "O", ""]]


def test_a_linear_model_sees_the_neighbours_of_a_word():
    assert answers("linear_svm")[2] == ["O", "B-city", ""]
