"""What tfmtl can do with each family of KerasHub's text backbones."""

from typing import NamedTuple

import keras_hub

from tfmtl.core.errors import ConfigurationError
from tfmtl.models.decoders.preset import BartDecoder, PresetDecoder, T5Decoder
from tfmtl.models.pretrained.causal import CausalLayers
from tfmtl.models.pretrained.own_layers import OwnLayers
from tfmtl.models.pretrained.prefix_lm import PrefixLMLayers

models = keras_hub.models


class Family(NamedTuple):
    """A family of backbones.

    Attributes:
        backbone: the class of its backbones.
        model_types: what Transformers calls it, if KerasHub converts its models.
        causal: whether a token of a text sees only the tokens before it.
        own_layers: what writes with the layers that read; `None` if they cannot write.
        decoder: the family's pretrained decoder; `None` if it has none.
    """

    backbone: type[keras_hub.models.Backbone]
    model_types: tuple[str, ...] = ()
    causal: bool = False
    own_layers: type[OwnLayers] | None = None
    decoder: type[PresetDecoder] | None = None

    @property
    def name(self) -> str:
        """The name that users know the family by, such as `Llama3`."""
        return self.backbone.__name__.removesuffix("Backbone")

    @property
    def writes(self) -> bool:
        """Whether the family can write with pretrained weights."""
        return self.own_layers is not None or self.decoder is not None

    @property
    def way_of_writing(self) -> str:
        """How the family writes summaries, in a few words."""
        if self.decoder is not None:
            return "a copy of its own decoder for each task"
        if self.own_layers is None:
            return "a new decoder"
        return "its own layers, behind the text" if self.causal else "its own layers, as a prefix language model"


_PREFIX_LM = {"own_layers": PrefixLMLayers}
_CAUSAL = {"causal": True, "own_layers": CausalLayers}

FAMILIES = (
    Family(models.BertBackbone, ("bert",), **_PREFIX_LM),
    Family(models.RobertaBackbone, ("roberta",), **_PREFIX_LM),
    Family(models.XLMRobertaBackbone, ("xlm-roberta",), **_PREFIX_LM),
    Family(models.DistilBertBackbone, ("distilbert",), **_PREFIX_LM),
    Family(models.ElectraBackbone, **_PREFIX_LM),
    Family(models.AlbertBackbone, ("albert",), **_PREFIX_LM),
    Family(models.DebertaV3Backbone),
    Family(models.BartBackbone, ("bart",), decoder=BartDecoder),
    Family(models.T5Backbone, decoder=T5Decoder),
    Family(models.GPT2Backbone, ("gpt2",), **_CAUSAL),
    Family(models.OPTBackbone, **_CAUSAL),
    Family(models.BloomBackbone, **_CAUSAL),
    Family(models.FalconBackbone, **_CAUSAL),
    Family(models.LlamaBackbone, **_CAUSAL),
    Family(models.Llama3Backbone, ("llama",), **_CAUSAL),
    Family(models.MistralBackbone, ("mistral",), **_CAUSAL),
    Family(models.QwenBackbone, ("qwen2",), **_CAUSAL),
    Family(models.Qwen3Backbone, ("qwen3",), **_CAUSAL),
    Family(models.GemmaBackbone, ("gemma", "gemma2"), **_CAUSAL),
    Family(models.Gemma3Backbone, ("gemma3_text",), **_CAUSAL),
    Family(models.Phi3Backbone, **_CAUSAL),
    Family(models.SmolLM3Backbone, ("smollm3",), **_CAUSAL),
)
"""All families that were checked; any other is refused, because it might silently produce wrong states."""

_RECURRENT = "it keeps recurrent states, not keys and values alone"
_WIDER = "its layers read more than the states of the previous one"
REFUSED = {
    "GPTNeoX": "KerasHub gives its cached queries wrong positions, so that it would write other texts than it should",
    "FNet": "it mixes padding into its states",
    "RWKV7": _RECURRENT,
    "Qwen3_5": _RECURRENT,
    "Gemma3n": _WIDER,
    "Gemma4": _WIDER,
}
"""Why a family is refused, by its name; one that is neither here nor in `FAMILIES` has not been checked."""


def as_markdown() -> str:
    """Returns the table of all families for `docs/pretrained.md`, and the reasons of those that are refused."""
    lines = [
        "| family | reads | writes with | instructions | folders of Transformers |",
        "| --- | --- | --- | --- | --- |",
    ]
    for family in FAMILIES:
        reads = "from left to right" if family.causal else "in both directions"
        instructed = "yes" if family.own_layers else "no"
        folders = ", ".join(f"`{name}`" for name in family.model_types) or "no"
        lines.append(f"| {family.name} | {reads} | {family.way_of_writing} | {instructed} | {folders} |")
    lines += ["", "| refused | because |", "| --- | --- |"]
    lines += [f"| {name} | {reason} |" for name, reason in REFUSED.items()]
    return "\n".join(lines)


def family_of(name: str) -> Family:
    """Returns a family by its name or by a `model_type` of Transformers.

    Raises:
        ConfigurationError: if the family is refused.
    """
    for family in FAMILIES:
        if name == family.name or name in family.model_types:
            return family
    # The names of Transformers differ from those of KerasHub in case and in signs between words.
    plain = {_plain(refused): reason for refused, reason in REFUSED.items()}
    known = ", ".join(family.name for family in FAMILIES)
    raise ConfigurationError(plain.get(_plain(name)) or f"only these families were checked: {known}")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
