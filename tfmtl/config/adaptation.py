"""The configuration of `tfmtl adapt`: the tasks that a trained run is to learn, and the method by which it does."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from tfmtl.config.experiment import Experiment
from tfmtl.config.yaml_file import load
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ADAPTATION, Options
from tfmtl.core.validation import choice_of, validate


class AdaptationOptions(Options):
    """Base of the options of methods, which are the section `adapt`.

    Attributes:
        shots: the number of rows of each label; all rows if absent.
        seed: the seed that draws them, and of the method if anything in it is random.
        new_labels: labels that the run's tasks are to have in addition to theirs, by the name of the task.
    """

    shots: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)
    new_labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Adaptation(Options):
    """What a trained run is to learn.

    Attributes:
        name: the name of the adapted run.
        sources: the sources of the tasks; a source without a validation or test split has none.
        tasks: the new tasks; and those of the run that are given new labels, with what differs from the run.
        adapt: the method, with its options.
    """

    name: str = Field("adapted", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sources: dict[str, Any] = Field(default_factory=dict)
    tasks: dict[str, Any] = Field(min_length=1)
    adapt: choice_of(ADAPTATION, "method", "auto", "adapt") = Field("auto", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _no_section_of_the_run(cls, values: Any) -> Any:
        for key in values if isinstance(values, Mapping) else ():
            if key in Experiment.model_fields and key not in cls.model_fields:
                raise ConfigurationError(f"{key}: an adaptation takes this section from the run; leave it out")
        return values

    @property
    def options(self) -> AdaptationOptions:
        """The options of the method."""
        return self.adapt.options

    def with_options(self, **changes: Any) -> Self:
        """Returns the adaptation with other values of some options of its method.

        Raises:
            ConfigurationError: if a value is not valid.
        """
        options = validate(type(self.options), {**self.options.model_dump(), **changes}, "adapt")
        return self.model_copy(update={"adapt": self.adapt.model_copy(update={"options": options})})


def parse_adaptation(values: Any) -> Adaptation:
    """Returns the adaptation that `values` describe.

    Raises:
        ConfigurationError: if they are not valid; one line that names the place.
    """
    return validate(Adaptation, values, "")


def load_adaptation(path: str | Path, settings: Iterable[str] = ()) -> Adaptation:
    """Reads an adaptation from a YAML file.

    Args:
        path: the path of the file.
        settings: `KEY=VALUE` strings that override the file, such as `adapt.method=probe`; values are YAML.

    Raises:
        ConfigurationError: if the file does not exist or does not describe an adaptation.
    """
    return load(path, settings, parse_adaptation)
