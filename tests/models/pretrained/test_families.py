from pathlib import Path

import pytest

from tests.models.pretrained.backbones import CAUSAL, ENCODERS
from tfmtl.core.errors import ConfigurationError
from tfmtl.models.pretrained.causal import CausalLayers
from tfmtl.models.pretrained.families import FAMILIES, REFUSED, as_markdown, family_of
from tfmtl.models.pretrained.prefix_lm import PrefixLMLayers

PAGE = Path(__file__).parents[3] / "docs" / "pretrained.md"


def test_the_table_of_the_documents_is_that_of_the_families():
    assert f"<!-- families -->\n{as_markdown()}\n<!-- end of families -->" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("layers", "cases"), [(CausalLayers, CAUSAL), (PrefixLMLayers, ENCODERS)])
def test_every_family_that_writes_with_its_own_layers_is_compared_with_its_public_model(layers, cases):
    # Two cases are of one family: Gemma and Gemma 2.
    compared = {type(make()) for make in cases.values()}
    assert compared == {family.backbone for family in FAMILIES if family.own_layers is layers}


def test_a_row_of_the_table_says_what_a_family_can_do():
    rows = {cells[0]: cells[1:] for cells in (line.strip("| ").split(" | ") for line in as_markdown().splitlines())}
    assert rows["Bert"] == ["in both directions", "its own layers, as a prefix language model", "yes", "`bert`"]
    assert rows["Llama3"] == ["from left to right", "its own layers, behind the text", "yes", "`llama`"]
    assert rows["T5"] == ["in both directions", "a copy of its own decoder for each task", "no", "no"]
    assert rows["DebertaV3"] == ["in both directions", "a new decoder", "no", "no"]
    assert rows["FNet"] == ["it mixes padding into its states"]


@pytest.mark.parametrize("name", [*REFUSED, "gpt_neox"])
def test_a_refused_family_has_its_reason(name):
    with pytest.raises(ConfigurationError) as error:
        family_of(name)
    assert str(error.value) in REFUSED.values()


def test_a_family_that_was_not_checked_is_refused_with_those_that_were():
    with pytest.raises(ConfigurationError, match="only these families were checked: Bert, Roberta, "):
        family_of("Mamba")
