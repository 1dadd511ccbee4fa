"""Builds the network of an experiment from the options of the model and the kinds of the tasks."""

from collections.abc import Collection, Hashable, Mapping, Sequence

import keras

from tfmtl.config.options import ModelOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ENCODERS, SHARING
from tfmtl.data.columns import Column
from tfmtl.data.tables import Slice
from tfmtl.data.wording import Wording
from tfmtl.kinds.kind import HeadContext, kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.layers.linear_experts import LinearExperts
from tfmtl.models.layers.logit_average import LogitAverage
from tfmtl.models.layers.token_embedding import TokenEmbedding
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.network import Layers, Network
from tfmtl.models.trunk import Trunk


def build_model(
    options: ModelOptions,
    tasks: Mapping[str, Task],
    slices: Sequence[Slice],
    columns: Mapping[str, Column],
    vocabulary_size: int,
    precision: str,
    wordings: Mapping[str, Wording] | None = None,
    descriptors: Mapping[str, tuple[float, ...]] | None = None,
) -> MultiTaskModel:
    """Builds a model for batches of the given slices.

    The inputs are a slice's tokens, int32 `[batch, length]`, and `target_<task>`, int32 `[batch, target length]`,
    including its start and end marks. The outputs, under the tasks' names, are those of their heads, such as logits
    `[rows, classes]`, or the log-likelihood of each token of a target `[batch, target length - 1]`; all float32. The
    head of a task with rows in several slices answers for all of them, in the slices' order. The answer of a task with
    a linear expert is the average of head and expert; `<task>_network` is the output of the head alone, on which the
    network is trained.

    Args:
        options: the options of the network.
        tasks: the tasks, with their label sets.
        slices: the slices of the training split.
        columns: the column of each task in the training split.
        vocabulary_size: the tokenizer's vocabulary size.
        precision: a Keras dtype policy.
        wordings: the words of tasks that have some.
        descriptors: the values of the descriptors of tasks that have one.
    """
    network = build_network(options, tasks, columns, vocabulary_size, precision, wordings, descriptors)
    model = MultiTaskModel.of(network, slices)
    model.options = options
    network.layers.sharing.trunk.load_pretrained_rows(network.layers.embedding)
    return model


def build_network(
    options: ModelOptions,
    tasks: Mapping[str, Task],
    columns: Mapping[str, Column],
    vocabulary_size: int,
    precision: str,
    wordings: Mapping[str, Wording] | None = None,
    descriptors: Mapping[str, tuple[float, ...]] | None = None,
) -> Network:
    """Builds the network of a model; see `build_model`.

    Raises:
        ConfigurationError: if the trunk cannot have such decoders, or such words behind a text.
    """
    wordings, descriptors = wordings or {}, descriptors or {}
    # The order in which the layers are made determines their random seeds.
    trunk = ENCODERS.get(options.encoder.name).build(
        **options.encoder.options.model_dump(), name="trunk", dtype=precision
    )
    embedding = TokenEmbedding(
        vocabulary_size,
        trunk.width,
        tie_weights=trunk.tied or not (wordings or any(task.generates for task in tasks.values())),
        logit_soft_cap=trunk.logit_soft_cap,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=trunk.width**-0.5),
        name="embedding",
        dtype=precision,
    )
    _check_wordings(wordings, trunk, options)
    _check_windows(trunk, tasks, options)
    scheme = options.sharing
    sharing = SHARING.get(scheme.name).build(
        trunk,
        list(tasks),
        pooled=[name for name, task in tasks.items() if _is_pooled(task)],
        **scheme.options.model_dump(),
        name="sharing",
        dtype=precision,
    )
    experts = _linear_experts(options, tasks, vocabulary_size)
    average = LogitAverage(name="logit_average", dtype="float32")
    contexts = {
        name: HeadContext(
            trunk, options, columns.get(name), wordings.get(name, Wording()).labels, descriptors.get(name, ())
        )
        for name in tasks
    }
    common_names = common_head_names(tasks) if options.shared_heads else _generator_names(tasks, descriptors)
    # Built for the last task of each group: any task would do, because all of them agree on their common head.
    common_heads = {
        head: kind_of(tasks[name]).common_head(tasks[name], contexts[name], head)
        for head, name in {head: name for name, head in common_names.items()}.items()
    }
    heads = {name: kind_of(task).head(task, contexts[name], common_names.get(name)) for name, task in tasks.items()}
    decoder_of = {name: task.decoder_of for name, task in tasks.items() if task.generates}
    decoder_of |= {name: name for name, wording in wordings.items() if wording.labels}
    decoders = _decoders(options, trunk, {name: tasks[name] for name in decoder_of}, wordings, precision)
    layers = Layers(embedding, sharing, heads, common_heads, decoders, experts, average)
    instructions = {name: wording.instruction for name, wording in wordings.items() if wording.instruction}
    return Network(layers, decoder_of, instructions)


def _is_pooled(task: Task) -> bool:
    """Whether a head answers a task by the pooled states of a text."""
    kind = kind_of(task)
    by_words = task.generates or task.instruction or kind.label_words(task)
    return not (by_words or kind.corrupts or kind.units is not None)


def common_head_names(tasks: Mapping[str, Task]) -> dict[str, str]:
    """Returns the name of the head that a task shares with others, for each task that has one."""
    return _named([names for names in _alike(tasks) if len(names) > 1])


def _generator_names(tasks: Mapping[str, Task], descriptors: Collection[str]) -> dict[str, str]:
    """Returns the name of what generates the head of a task, for each task that has a descriptor."""
    return _named(_alike({name: tasks[name] for name in descriptors}))


def _alike(tasks: Mapping[str, Task]) -> list[list[str]]:
    """Returns the names of tasks in groups that can have a head in common."""
    groups: dict[Hashable, list[str]] = {}
    for name, task in tasks.items():
        key = kind_of(task).common_head_key(task)
        if key is not None:
            groups.setdefault(key, []).append(name)
    return [*groups.values()]


def _named(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    return {name: f"shared_head_{number}" for number, names in enumerate(groups) for name in names}


def _linear_experts(options: ModelOptions, tasks: Mapping[str, Task], vocabulary_size: int) -> LinearExperts | None:
    classes = {name: kind_of(task).linear_classes(task) for name, task in tasks.items()}
    classes = {name: count for name, count in classes.items() if count}
    if not (options.linear_expert and classes):
        return None
    expert = options.linear_expert.model_dump()
    return LinearExperts(vocabulary_size, classes, **expert, name="linear_experts", dtype="float32")


def _check_wordings(wordings: Mapping[str, Wording], trunk: Trunk, options: ModelOptions) -> None:
    for name, wording in wordings.items():
        place = f"tasks.{name}.{'instruction' if wording.instruction else 'label_words'}"
        trunk.check_words(wording.length, place)
        if not SHARING.get(options.sharing.name).build.supports_instructions:
            raise ConfigurationError(
                f"{place}: instructions and label words require 'model.sharing: hard', found '{options.sharing.name}'"
            )


def _check_windows(trunk: Trunk, tasks: Mapping[str, Task], options: ModelOptions) -> None:
    encoder, place = options.encoder, "model.encoder.text_overflow: windows"
    if encoder.options.text_overflow != "windows":
        return
    if not trunk.reads_windows:
        raise ConfigurationError(f"{place}: '{encoder.name}' is causal, and its last token sees only the last window")
    for name, task in tasks.items():
        if (task.text_pair and kind_of(task).units is None) or kind_of(task).corrupts:
            read = "pairs of texts" if task.text_pair else f"texts for '{task.kind}'"
            raise ConfigurationError(f"{place}: task '{name}' reads {read}, which cannot be divided; choose another")


def _decoders(
    options: ModelOptions,
    trunk: Trunk,
    generated: Mapping[str, Task],
    wordings: Mapping[str, Wording],
    precision: str,
) -> dict[str, keras.layers.Layer]:
    """Returns the decoders by the tasks that own them; one that several tasks use fits the longest target."""

    def named(task: str) -> dict[str, str]:
        return {"name": f"{task}_decoder", "dtype": precision}

    decoders = {name: kind_of(task).decoder(task, **named(name)) for name, task in generated.items()}
    decoders = {name: decoder for name, decoder in decoders.items() if decoder is not None}
    for name in decoders.keys() & wordings.keys():
        raise ConfigurationError(
            f"tasks.{name}.instruction: tasks of kind '{generated[name].kind}' do not support instructions"
        )
    lengths: dict[str, int] = {}
    for name, task in generated.items():
        if name not in decoders:
            length = wordings.get(name, Wording()).length
            if task.generates:
                length += kind_of(task).target_length(task, options.encoder.options.packing.longest)
            lengths[task.decoder_of] = max(lengths.get(task.decoder_of, 0), length)
    decoder = options.decoder
    return decoders | {
        name: trunk.decoder(decoder.layers, decoder.dropout, length, **named(name)) for name, length in lengths.items()
    }
