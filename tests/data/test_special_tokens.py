from tfmtl.data.special_tokens import END_ID, PAD_ID, SPECIAL_IDS, START_ID, UNKNOWN_ID


def test_marks_are_the_first_ids():
    assert sorted([PAD_ID, UNKNOWN_ID, START_ID, END_ID]) == list(range(SPECIAL_IDS))


def test_padding_is_zero_as_tensorflow_pads():
    assert PAD_ID == 0
