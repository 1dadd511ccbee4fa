"""What a search must know beside the model: how far it looks, how long it writes, which pieces are special."""

from typing import Self

from pydantic import Field, model_validator

from tfmtl.config.options import GenerationOptions
from tfmtl.core.validation import validate
from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID


class SearchOptions(GenerationOptions):
    """The configured way of generation, for one task and its tokenizer.

    Attributes:
        max_length: the most pieces of a sequence, its end mark included.
        start_id: what the first step reads; never written, unless it is the end mark too.
        end_id: the mark that ends a sequence.
        pad_id: what stands after the end mark; never written otherwise.
    """

    max_length: int = Field(ge=1)
    start_id: int = Field(ge=0)
    end_id: int = Field(ge=0)
    pad_id: int = Field(ge=0)

    @classmethod
    def of(
        cls,
        generation: GenerationOptions,
        max_length: int,
        *,
        start_id: int = START_ID,
        end_id: int = END_ID,
        pad_id: int = PAD_ID,
    ) -> Self:
        """Returns the options of one task's search.

        Raises:
            ConfigurationError: where `generation` does not fit the task, such as a `min_length` beyond `max_length`.
        """
        special = {"max_length": max_length, "start_id": start_id, "end_id": end_id, "pad_id": pad_id}
        return validate(cls, {**generation.model_dump(), **special}, "generation")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min_length >= self.max_length:
            raise ValueError(
                f"min_length: {self.min_length} pieces and an end mark do not fit into max_length: {self.max_length}"
            )
        if self.pad_id == self.end_id:
            raise ValueError(f"pad_id and end_id must differ: both are {self.pad_id}")
        return self
