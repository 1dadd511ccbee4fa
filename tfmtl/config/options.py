"""The sections of an experiment, each a typed group of options."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from tfmtl.core.registry import ENCODERS, OPTIMIZERS, SHARING, Options
from tfmtl.core.validation import choice_of


class DecoderOptions(Options):
    """The summary writer; its kind, width and the like are the encoder's.

    Attributes:
        layers: Transformer or LSTM layers, as the encoder's are; `gpt` has none beside its own.
        copy_source: whether the decoder can copy pieces of the source (See et al. 2017); `copy` in a configuration.
        dropout: of the embedding and each sublayer; the encoder's where absent.
    """

    layers: int = Field(2, ge=1)
    copy_source: bool = Field(True, alias="copy")
    dropout: float | None = Field(None, ge=0.0, lt=1.0)


class LinearExpertOptions(Options):
    """A linear model of n-grams of pieces beside the network, for each task that classifies single texts.

    It is fitted to train by scikit-learn before the network is trained, apart from it; when validated and served, the
    answer is the mean of its scores and the logits of the task's head.

    Attributes:
        order: the most pieces of an n-gram.
        buckets: rows of the table that n-grams of two pieces or more are hashed into.
        inverse_regularization: `C` of scikit-learn's `LinearSVC`: the larger, the closer it fits train.
        weight: what its margins are multiplied by to be scores; they are mostly between -1 and 1, which is little
            beside a network's logits.
    """

    order: int = Field(2, ge=1, le=5)
    buckets: int = Field(262144, ge=1, le=1 << 24)
    inverse_regularization: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    weight: float = Field(4.0, gt=0.0, allow_inf_nan=False)


class ModelOptions(Options):
    """The network.

    Attributes:
        encoder: the shared trunk.
        decoder: the summary writer; each summarization task has its own.
        sharing: how parameters are shared between tasks.
        linear_expert: a linear model of n-grams whose answers are pooled with those of the heads; none where absent.
        head_dropout: dropout before the output layer of a classification or regression head.
        shared_heads: whether classification tasks with the same labels have a head in common, whose logits are added to
            those of each one's own; the same holds of their linear experts.
    """

    encoder: choice_of(ENCODERS, "type", "transformer", "model.encoder") = Field("transformer", validate_default=True)
    decoder: DecoderOptions = DecoderOptions()
    sharing: choice_of(SHARING, "type", "hard", "model.sharing") = Field("hard", validate_default=True)
    linear_expert: LinearExpertOptions | None = None
    head_dropout: float = Field(0.1, ge=0.0, lt=1.0)
    shared_heads: bool = False


class Stage(Options):
    """A part of a training, with an optimizer of its own; what it leaves out is as `training` says.

    Attributes:
        tasks: those that it trains; all where absent.
        epochs: passes over the mixture of their sources.
        learning_rate: the peak.
        warmup: the share of the stage's updates over which the learning rate rises.
        decay: how it falls after that, to zero at the stage's last update.
    """

    tasks: list[str] | None = Field(None, min_length=1)
    epochs: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    warmup: float | None = Field(None, ge=0.0, le=1.0)
    decay: Literal["cosine", "linear", "none"] | None = None

    def completed(self, options: "TrainingOptions", tasks: Iterable[str]) -> "Stage":
        """Returns the stage with nothing left out."""
        of_training = {name: getattr(options, name) for name in Stage.model_fields if name != "tasks"}
        return Stage(**{"tasks": list(tasks), **of_training, **self.model_dump(exclude_none=True)})


class TrainingOptions(Options):
    """How the model is trained.

    Attributes:
        epochs: passes over the mixture.
        batch_size: rows in an update, over all replicas.
        accumulation: parts in which each replica reads its rows of a batch, one after the other, with the memory of
            one; the update is that of the whole batch.
        learning_rate: the peak.
        warmup: the share of all updates over which the learning rate rises.
        decay: how it falls after that, to zero at the last update.
        optimizer: what makes an update of the gradient.
        weight_decay: decoupled (AdamW); applied to matrices, not to biases, normalisation scales and other vectors.
        ema_momentum: of the moving average of the weights, which then is what is validated, kept as the best model and
            served; 0 turns it off.
        clip_norm: the largest global norm of the combined gradient, after reduction over replicas; 0 turns it off.
        precision: the Keras dtype policy.
        strategy: how replicas are run; `auto` is `multi_worker` where `TF_CONFIG` names several workers, else
            `mirrored` with two GPUs or more, else `none`.
        seed: of initial weights, dropout, mixing and splits.
        early_stopping: epochs without a better validation score after which training ends; 0 turns it off.
        task_stopping: epochs without a better validation metric of one task after which that task's loss weight
            becomes zero; 0 turns it off.
        checkpoint_every: updates between two checkpoints; one is also written at each epoch's end.
        generate_examples: rows of validation for which each summary is generated each epoch.
        log_every: updates between two TensorBoard records.
        stages: parts of the training, one after the other, of which the last trains every task that is answered and
            chooses the best model; one of all tasks where there are none.
    """

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(32, ge=1)
    accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(1e-3, gt=0.0, allow_inf_nan=False)
    warmup: float = Field(0.1, ge=0.0, le=1.0)
    decay: Literal["cosine", "linear", "none"] = "cosine"
    optimizer: choice_of(OPTIMIZERS, "type", "adamw", "training.optimizer") = Field("adamw", validate_default=True)
    weight_decay: float = Field(0.01, ge=0.0)
    ema_momentum: float = Field(0.0, ge=0.0, lt=1.0)
    clip_norm: float = Field(1.0, ge=0.0)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    strategy: Literal["auto", "none", "mirrored", "multi_worker", "tpu"] = "auto"
    seed: int = Field(0, ge=0)
    early_stopping: int = Field(0, ge=0)
    task_stopping: int = Field(0, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    generate_examples: int = Field(256, ge=1)
    log_every: int = Field(20, ge=1)
    stages: list[Stage] = Field(default_factory=list)


class GenerationOptions(Options):
    """How summaries are written.

    Attributes:
        beams: hypotheses kept; 1 is greedy search.
        length_penalty: the exponent of Wu et al. 2016, eq. 14; 0 prefers the sum of log-probabilities.
        early_stopping: whether beam search ends a summary once no running hypothesis would beat the best ended one if
            it ended now; else, once none could however long it became, which takes longer and is seldom better.
        no_repeat_ngram: no piece n-gram of this size stands twice in a summary; 0 turns it off.
        min_length: pieces before the end mark may be written.
    """

    beams: int = Field(4, ge=1)
    length_penalty: float = Field(1.0, ge=0.0)
    early_stopping: bool = True
    no_repeat_ngram: int = Field(3, ge=0)
    min_length: int = Field(1, ge=0)


class EvaluationOptions(Options):
    """How a split is evaluated.

    Attributes:
        batch_size: rows in a batch.
        bootstrap_samples: resamplings behind each 95 % interval.
    """

    batch_size: int = Field(64, ge=1)
    bootstrap_samples: int = Field(1000, ge=100)
