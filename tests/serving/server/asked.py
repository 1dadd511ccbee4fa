"""What the tests of the server ask it."""

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

TEXTS = ["the cat sleeps in the garden.", "", "a puppy runs away 😀", "her tomcat eats the fish near the river."]
PAIRS = ["a kitten sleeps.", "the dog", "", "his hound waits."]
SECONDS = 60
"""The longest that an answer may take."""


def predict_request(signature="serving_default", texts=TEXTS, pairs=PAIRS, name="tiny"):
    """Returns a request of gRPC."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for key, values in {"text": texts, "text_pair": pairs}.items():
        request.inputs[key].CopyFrom(
            tf.make_tensor_proto([value.encode() for value in values], tf.string, [len(values)])
        )
    return request
