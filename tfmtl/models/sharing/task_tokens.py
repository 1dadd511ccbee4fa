"""Pooling tokens of each task, which read a text that cannot see them (Huang et al. 2022)."""

import keras
from keras import KerasTensor, ops
from pydantic import Field

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import SHARING, Options
from tfmtl.models.layers.tokens import token_mask
from tfmtl.models.sharing.scheme import SharingScheme
from tfmtl.models.trunk import States


class TaskTokensOptions(Options):
    """Options of pooling tokens.

    Attributes:
        tokens: the number of tokens of each task, whose last states are averaged.
    """

    tokens: int = Field(1, ge=1, le=64)


@SHARING.register("task_tokens", options=TaskTokensOptions)
@keras.saving.register_keras_serializable("tfmtl")
class TaskTokensSharing(SharingScheme):
    r"""Tokens of each task, whose states its head reads in the place of the text's; a text is read once.

    The trunk's layers read a task's learned tokens :math:`e_t` together with a text: they attend to the text's keys and
    values and to their own, in every layer. The text sees none of them, and they do not see those of other tasks.
    So its states, and what other tasks answer, are the same with and without them, as with the prompts and the
    conditional pooler of MTOP (Huang et al. 2022).

    Differences from the paper: there are no prompts that the text sees, and the head on a task's tokens is its own.
    Tasks that need a state for each position (tags, spans, texts that are written) read those of the text.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `TaskTokensOptions`.

    Raises:
        ConfigurationError: if the trunk can read nothing beside or behind a text, or reads texts in windows.
    """

    options_class = TaskTokensOptions
    supports_instructions = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.trunk.options.text_overflow == "windows":
            raise ConfigurationError(
                "model.encoder.text_overflow: windows: the tokens of 'task_tokens' belong to no window; choose another"
            )
        if not (self.trunk.is_stack or self.trunk.reads_behind):
            raise ConfigurationError(
                "model.sharing: 'task_tokens' requires the encoder 'transformer' or 'gpt', or a preset that writes "
                "with its own layers, such as BERT or Llama"
            )

    def build_views(self, hidden: int) -> None:
        normal = keras.initializers.RandomNormal(stddev=0.02)
        shape = (1, self.options.tokens, self.trunk.width)
        self.of_tasks = {task: self.add_weight(shape, normal, name=f"{task}_tokens") for task in self.pooled}

    def read(self, embedded, tokens, training=None) -> tuple[States, dict[str, States]]:
        of_tasks = {task: self._repeated(weights, embedded) for task, weights in self.of_tasks.items()}
        read = self._read_beside if self.trunk.is_stack else self._read_behind
        states, pooled = read(of_tasks, embedded, tokens, training)
        return states, {task: states._replace(pooled=pooled.get(task, ())) for task in self.tasks}

    def _read_beside(self, of_tasks, embedded, tokens, training) -> tuple[States, dict[str, tuple[KerasTensor]]]:
        """Reads a text and all tokens at once; the tokens stand in front, where padding does not move them."""
        trunk, width = self.trunk, self.options.tokens
        count = width * len(of_tasks)
        begun = trunk.begin(embedded, tokens, training)
        begun = ops.concatenate([*(ops.cast(each, begun.dtype) for each in of_tasks.values()), begun], axis=1)
        last, kept = trunk.run(trunk.stack, begun, tokens, training, seen=self._seen(tokens, count))
        after = (slice(None),) * trunk.context_axis + (slice(count, None),)
        states = trunk.end(last, kept)
        read = {
            task: (ops.mean(states.last[:, place * width : (place + 1) * width], axis=1),)
            for place, task in enumerate(of_tasks)
        }
        return States(states.last[:, count:], tuple(each[after] for each in states.context)), read

    def _seen(self, tokens, count: int) -> KerasTensor:
        """Returns which positions each one attends to, bool `[batch, count + length, count + length]`."""
        batch, length = ops.shape(tokens)
        of_text = token_mask(tokens)[:, None, :]
        tasks = ops.arange(count) // self.options.tokens
        own = ops.broadcast_to(tasks[:, None] == tasks[None, :], (batch, count, count))
        of_tokens = ops.concatenate([own, ops.broadcast_to(of_text, (batch, count, length))], axis=2)
        hidden = ops.zeros((batch, length, count), dtype="bool")
        of_words = ops.concatenate([hidden, ops.broadcast_to(of_text, (batch, length, length))], axis=2)
        return ops.concatenate([of_tokens, of_words], axis=1)

    def _read_behind(self, of_tasks, embedded, tokens, training) -> tuple[States, dict[str, tuple[KerasTensor]]]:
        """Reads a text, and the tokens of each task as what follows it: a causal trunk keeps the text's context."""
        states = self.trunk(embedded, tokens, training=training)
        read = {
            task: (ops.mean(self.trunk(each, tokens, context=states.context, training=training).last, axis=1),)
            for task, each in of_tasks.items()
        }
        return states, read

    @staticmethod
    def _repeated(weights: keras.Variable, embedded) -> KerasTensor:
        """Returns a task's tokens, once for each text, `[batch, tokens, width]`."""
        return ops.cast(weights, embedded.dtype) + ops.zeros_like(embedded[:, :1])

    def own_variables(self, task: str) -> list[keras.Variable]:
        return [self.of_tasks[task]] if task in self.of_tasks else []

    def masked_variables(self, task: str) -> list[keras.Variable]:
        return self.own_variables(task)
