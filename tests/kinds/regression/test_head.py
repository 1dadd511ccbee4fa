import numpy as np

from tfmtl.kinds.regression.head import RegressionHead

generator = np.random.default_rng(0)
STATES = generator.normal(size=[2, 6, 8]).astype(np.float32)
TOKENS = np.int32([[2, 7, 3, 8, 3, 0], [2, 3, 5, 6, 7, 3]])


def test_scores_are_in_the_unit_of_the_target():
    head = RegressionHead(mean=50.0, deviation=10.0, pair=False, dropout=0.0)
    head.build(STATES.shape, TOKENS.shape)
    pooled = np.stack([STATES[0, :5].mean(axis=0), STATES[1].mean(axis=0)])
    expected = 50.0 + 10.0 * (pooled @ np.array(head.output_layer.kernel))[:, 0]
    np.testing.assert_allclose(head(STATES, TOKENS), expected, rtol=1e-5)


def test_its_configuration_makes_it_again():
    head = RegressionHead(mean=2.0, deviation=3.0, pair=False, dropout=0.2, name="stars")
    again = RegressionHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert (again.outputs, again.mean, again.deviation) == (1, 2.0, 3.0)
