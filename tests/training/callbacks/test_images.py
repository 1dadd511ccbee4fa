import numpy as np
from matplotlib.figure import Figure

from tfmtl.training.callbacks.images import cosine_map, image_of


def test_a_figure_is_an_image_of_its_size():
    figure = Figure(figsize=(2, 1), facecolor=(1.0, 0.0, 0.0))
    image = image_of(figure)
    assert image.dtype == np.uint8 and image.shape == (1, 80, 160, 3)
    assert image[0, 40, 80].tolist() == [255, 0, 0]


def test_the_cosines_are_those_of_the_tasks_with_a_gradient():
    gradients = np.array([[3.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])
    figure = cosine_map(gradients @ gradients.T, ["topic", "nothing", "stars"])
    axes = figure.axes[0]
    shown = axes.images[0].get_array()
    np.testing.assert_allclose(shown, [[1.0, -np.sqrt(0.5)], [-np.sqrt(0.5), 1.0]])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["topic", "stars"]
    assert {text.get_text() for text in axes.texts} == {"1.00", "-0.71"}
    assert cosine_map(np.diag([4.0, 0.0]), ["topic", "nothing"]) is None
