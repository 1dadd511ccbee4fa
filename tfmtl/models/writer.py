"""Writing for one task: with a decoder, or with the layers that have read the text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras import KerasTensor, ops

from tfmtl.models.layers.pointer_generator import PointerGeneratorHead
from tfmtl.models.layers.target_positions import TargetPositions
from tfmtl.models.layers.token_embedding import TokenEmbedding
from tfmtl.models.layers.tokens import token_mask
from tfmtl.models.trunk import States

if TYPE_CHECKING:
    from tfmtl.models.network import Encoded


class Writer:
    """Writes for one task, with a decoder or with a trunk that continues its texts, and with the task's head.

    Args:
        embedding: the embedding of tokens, which also turns states into logits.
        decoder: the result of `tfmtl.models.trunk.Trunk.writer`.
        head: the head of the task.
        positions: the layer that selects the positions of targets to project to logits.
    """

    def __init__(self, embedding: TokenEmbedding, decoder, head: PointerGeneratorHead, positions: TargetPositions):
        self._embedding = embedding
        self._positions = positions
        self._decoder = decoder
        self._head = head

    def log_likelihood(
        self, encoded: "Encoded", task: str, target: KerasTensor, training: bool | None = None
    ) -> KerasTensor:
        """Returns the log-likelihood of each token of whole targets, float32 `[batch, length - 1]`.

        Args:
            encoded: the texts.
            task: the name of the task whose states are read.
            target: start mark, tokens and end mark, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        states = encoded.states[task]
        options = {} if training is None else {"training": training}
        hidden = self._decoder(self._embedding(target[:, :-1]), states, encoded.tokens, **options)
        following = target[:, 1:]
        logits = self._embedding(self._positions(hidden, following), reverse=True)
        return self._head(logits, hidden, states.last, encoded.embedded, encoded.tokens, following, **options)

    def begin(self, context: Sequence[KerasTensor], tokens: KerasTensor) -> tuple[Any, Any]:
        """Reads what stands before each of several targets of the same texts, such as an instruction.

        Args:
            context: what the trunk's layers keep of the texts.
            tokens: the ids of the texts, int32 `[batch, length]`.

        Returns:
            The keys and values of the texts, and the cache of what follows them.
        """
        states = States(None, tuple(context))
        return self._decoder.keys_and_values(states), self._decoder.initial_cache(states, tokens)

    def say(self, begun: tuple[Any, Any], tokens: KerasTensor, target: KerasTensor) -> KerasTensor:
        """Returns the log-likelihoods of whole targets without copying, float32 `[batch]`.

        Args:
            begun: the result of `begin`.
            tokens: the ids of the texts, int32 `[batch, length]`.
            target: start mark, tokens and end mark, int32 `[batch, length]`, padded.
        """
        source, cache = begun
        hidden = self._decoder.resume(self._embedding(target[:, :-1]), cache, source, tokens)
        logits = ops.cast(self._embedding(hidden, reverse=True), "float32")
        written = target[:, 1:]
        said = ops.take_along_axis(ops.log_softmax(logits, axis=-1), written[..., None], axis=-1)[..., 0]
        return ops.sum(ops.where(token_mask(written), said, 0.0), axis=1)

    def context(self, encoded: "Encoded", task: str) -> dict[str, Any]:
        """Returns the tensors that do not change while texts are written; they are computed once per generation."""
        states = encoded.states[task]
        context = {"tokens": encoded.tokens, "source": self._decoder.keys_and_values(states)}
        if self._head.copy_source:
            context["copy_keys"] = self._head.copy_keys(states.last, encoded.embedded)
        return context

    def initial_cache(self, encoded: "Encoded", task: str) -> Any:
        """Returns the cache of written tokens as it is before the first of them."""
        return self._decoder.initial_cache(encoded.states[task], encoded.tokens)

    def step(self, tokens, position, cache, context) -> tuple[KerasTensor, Any]:
        """Returns the log-probabilities of the next token, float32 `[rows, vocabulary]`, and the new cache.

        Args:
            tokens: the tokens written last, int32 `[rows]`; the start mark at first.
            position: their position, int32 scalar.
            cache: the result of `initial_cache` or of the previous step.
            context: the result of `context`.
        """
        embedded = self._embedding(tokens[:, None])
        hidden, cache = self._decoder.step(embedded, position, cache, context["source"], context["tokens"])
        logits = self._embedding(hidden, reverse=True)
        return self._head.log_probabilities(logits, hidden, context.get("copy_keys"), context["tokens"]), cache
