from tfmtl.kinds.regression.options import Regression


def test_the_target_is_a_field_of_its_own():
    assert Regression(source="s").target_fields == ("score",)
    assert Regression(source="s", target="stars").target_fields == ("stars",)


def test_the_contracts_metrics_are_always_measured():
    assert Regression(source="s").all_metrics == ("pearson", "spearman")
