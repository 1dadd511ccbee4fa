import keras

from tfmtl.training.averaging import WeightAverage
from tfmtl.training.callbacks.averaged_weights import AveragedWeights, TrainedWeights


def test_the_model_holds_the_average_from_validation_to_the_end_of_the_epoch():
    weight = keras.Variable([1.0])
    average = WeightAverage([weight], 0.5)
    weight.assign([4.0])
    before, after = AveragedWeights(average), TrainedWeights(average)
    before.on_test_begin()
    assert weight.numpy().tolist() == [1.0]
    after.on_epoch_end(0)
    assert weight.numpy().tolist() == [4.0]
