from tfmtl.kinds.regression.options import Regression


def test_the_target_is_a_field_of_its_own():
    assert Regression(source="s").target == "score"
    assert Regression(source="s", target="stars").target == "stars"


def test_the_contracts_metrics_are_always_measured():
    assert Regression(source="s").all_metrics == ("pearson", "spearman")


def test_the_target_field_is_the_one_that_holds_the_number():
    assert Regression(source="s", target="stars").target_fields == ("stars",)
