"""The sections of an experiment as typed groups of options."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from tfmtl.config.learning_rates import RatesByPart
from tfmtl.core.cache import default_cache_folder
from tfmtl.core.registry import DESCRIPTORS, ENCODERS, META, OPTIMIZERS, SHARING, Options
from tfmtl.core.validation import choice_of, choice_or_none


class DecoderOptions(Options):
    """The part of the network that writes texts; its type, width and other settings are those of the trunk.

    Attributes:
        layers: the number of layers, Transformer or LSTM like the trunk's; `gpt` has only the layers of its trunk.
        copy_source: whether a decoder can copy tokens of the source (See et al. 2017), unless its task says so itself;
            `copy` in a configuration. `None` means that it can unless it could write before it was trained, as a
            pretrained language model can.
        dropout: the dropout rate of the embedding and of each sublayer; the trunk's rate if absent.
    """

    layers: int = Field(2, ge=1)
    copy_source: bool | None = Field(None, alias="copy")
    dropout: float | None = Field(None, ge=0.0, lt=1.0)


class LinearExpertOptions(Options):
    """A linear model of token n-grams beside the network, for each task that classifies single texts.

    Scikit-learn fits it to the training rows before the network is trained, and independently of the network. In
    validation and serving, the answer is the mean of its scores and the logits of the task's head.

    Attributes:
        order: the maximum number of tokens in an n-gram.
        buckets: the number of rows in the table that n-grams of two or more tokens are hashed into.
        inverse_regularization: the `C` of scikit-learn's `LinearSVC`; larger values fit the training rows more closely.
        weight: the factor that turns its margins into scores; margins lie mostly between -1 and 1, which is small
            compared with a network's logits.
    """

    order: int = Field(2, ge=1, le=5)
    buckets: int = Field(262144, ge=1, le=1 << 24)
    inverse_regularization: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    weight: float = Field(4.0, gt=0.0, allow_inf_nan=False)


class ModelOptions(Options):
    """The architecture of the network.

    Attributes:
        encoder: the type and options of the shared trunk.
        decoder: the options of the decoders; each task that writes has its own decoder.
        sharing: the scheme by which tasks share parameters.
        linear_expert: a linear model of n-grams whose scores are averaged with the logits of the heads; none if absent.
        head_dropout: the dropout rate before the output layer of a classification or regression head.
        shared_heads: whether tasks of one kind with the same labels also have a common head, whose logits are added to
            those of their own heads; the same applies to their linear experts.
        descriptors: how the heads of tasks with a `descriptor` are generated from it; none if absent.
    """

    encoder: choice_of(ENCODERS, "type", "transformer", "model.encoder") = Field("transformer", validate_default=True)
    decoder: DecoderOptions = DecoderOptions()
    sharing: choice_of(SHARING, "type", "hard", "model.sharing") = Field("hard", validate_default=True)
    linear_expert: LinearExpertOptions | None = None
    head_dropout: float = Field(0.1, ge=0.0, lt=1.0)
    shared_heads: bool = False
    descriptors: choice_or_none(DESCRIPTORS, "type", "bilinear", "model.descriptors") = None


class Stage(Options):
    """A part of the training with an optimizer of its own; values that it omits are those of `training`.

    Attributes:
        tasks: the names of the tasks to train; all tasks if absent.
        epochs: the number of passes over the mixture of the tasks' sources.
        learning_rate: the peak of the learning rate, for all parts of the network or for each; see `LearningRates`.
        warmup: the share of the stage's updates over which the learning rate rises.
        decay: the shape of its fall after that, to zero at the stage's last update; `none` keeps it at the peak.
    """

    tasks: list[str] | None = Field(None, min_length=1)
    epochs: int | None = Field(None, ge=0)
    learning_rate: RatesByPart | None = None
    warmup: float | None = Field(None, ge=0.0, le=1.0)
    decay: Literal["cosine", "linear", "none"] | None = None

    def completed(self, options: "TrainingOptions", tasks: Iterable[str]) -> "Stage":
        """Returns the stage with all values filled in."""
        of_training = {name: getattr(options, name) for name in Stage.model_fields if name != "tasks"}
        return Stage(**{"tasks": list(tasks), **of_training, **self.model_dump(exclude_none=True)})


class TrainingOptions(Options):
    """How the model is trained.

    Attributes:
        epochs: the number of passes over the mixture; with 0, the run is that of the untrained model.
        batch_size: the number of rows per update, over all replicas.
        accumulation: the number of parts into which each replica splits its rows of a batch; it reads them one after
            the other, needs memory for one part only, and makes the update of the whole batch.
        learning_rate: the peak of the learning rate, for all parts of the network or for each of `trunk`, `heads` and
            `decoders`; see `LearningRates`. Parts that are omitted have the rates that fit the trunk.
        warmup: the share of all updates over which the learning rate rises.
        decay: the shape of its fall after that, to zero at the last update; `none` keeps it at the peak.
        optimizer: the method that turns a gradient into an update.
        weight_decay: the decoupled weight decay (AdamW); applied to matrices, not to biases, normalisation scales and
            other vectors.
        ema_momentum: the momentum of the moving average of the weights; the averaged weights are then validated, kept
            as the best model and served; 0 turns averaging off.
        clip_norm: the maximum global norm of the combined gradient, after reduction over replicas; 0 turns clipping
            off.
        precision: the Keras dtype policy.
        strategy: the way in which replicas run; `auto` means `multi_worker` if `TF_CONFIG` names several workers, else
            `mirrored` if there are two or more GPUs, else `none`.
        seed: the seed of initial weights, dropout, mixing and splits.
        early_stopping: the number of epochs without a better validation score after which training ends; 0 turns it
            off.
        task_stopping: the number of epochs without a better validation metric of a task after which the weight of that
            task's loss becomes zero; 0 turns it off.
        checkpoint_every: the number of updates between two checkpoints; one is also written at the end of each epoch.
        generate_examples: the number of validation rows for which each task's texts are generated after each epoch.
        log_every: the number of updates between two TensorBoard records.
        start_from: the folder of a run whose best model gives the first weights, wherever they fit, and its tokenizer.
        stage_optimizer: what a stage begins with: a `new` optimizer, or that of the stage before it, which is `kept`;
            then weights and moments of tasks that a stage does not train stay as they are.
        meta: the method of meta-learning, with its options: the training is made of episodes, so that the weights adapt
            to tasks in a few steps; ordinary training if absent.
        stages: the parts of the training, in order; the last one trains every task that is answered and chooses the
            best model; a single stage of all tasks if the list is empty.
    """

    epochs: int = Field(10, ge=0)
    batch_size: int = Field(32, ge=1)
    accumulation: int = Field(1, ge=1)
    learning_rate: RatesByPart = 1e-3
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
    start_from: str | None = None
    stage_optimizer: Literal["new", "kept"] = "new"
    meta: choice_or_none(META, "method", "reptile", "training.meta") = None
    stages: list[Stage] = Field(default_factory=list)


class CacheOptions(Options):
    """Where the rows and tokens of large sources are kept, so that they need not fit in memory and are found again.

    `cache: false` turns it off.

    Attributes:
        enabled: whether there is one; if not, all rows and tokens are in memory, and are read again each time.
        folder: its folder; if absent, that of the variable `TFMTL_CACHE`, or `~/.cache/tfmtl`.
        above: the size in megabytes of the training files of a source above which its rows and tokens are kept there;
            smaller ones are in memory.
    """

    enabled: bool = True
    folder: str | None = None
    above: float = Field(100.0, ge=0.0)

    @field_validator("folder")
    @classmethod
    def _can_be_a_path(cls, folder: str | None) -> str | None:
        if folder is not None and "\0" in folder:
            raise ValueError("a path has no null character")
        return folder

    @property
    def path(self) -> Path:
        """Its folder."""
        return Path(self.folder).expanduser() if self.folder else default_cache_folder()


class GenerationOptions(Options):
    """How summaries and other texts are written.

    Attributes:
        beams: the number of hypotheses kept; 1 is greedy search.
        length_penalty: the exponent of Wu et al. 2016, eq. 14; 0 ranks by the sum of log-probabilities.
        early_stopping: whether beam search ends a text once no running hypothesis would beat the best finished one
            if it ended now; otherwise it ends once none could at any length, which takes longer and is seldom better.
        no_repeat_ngram: the size of token n-grams that must not appear twice in a text; 0 turns it off.
        min_length: the minimum number of tokens before the end mark.
    """

    beams: int = Field(4, ge=1)
    length_penalty: float = Field(1.0, ge=0.0)
    early_stopping: bool = True
    no_repeat_ngram: int = Field(3, ge=0)
    min_length: int = Field(1, ge=0)


class EvaluationOptions(Options):
    """How a split is evaluated.

    Attributes:
        batch_size: the number of rows per batch.
        bootstrap_samples: the number of resamplings for each 95 % interval.
    """

    batch_size: int = Field(64, ge=1)
    bootstrap_samples: int = Field(1000, ge=100)
