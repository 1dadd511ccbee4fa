"""The best of the quick methods."""

from pydantic import Field, NonNegativeFloat

from tfmtl.adaptation.methods.probe import Probe, ProbeOptions
from tfmtl.adaptation.methods.prototypes import Prototypes, PrototypesOptions
from tfmtl.adaptation.solved import Candidate, SolvedMethod, SolvedOptions
from tfmtl.core.registry import ADAPTATION


class AutoOptions(SolvedOptions):
    """Options of the choice."""

    name_weight: tuple[NonNegativeFloat, ...] = Field((1.0, 0.0, 4.0), min_length=1)


@ADAPTATION.register("auto", options=AutoOptions)
class Auto(SolvedMethod):
    """Whichever of `prototypes` and `probe`, with and without the names of labels, cross-validation finds best."""

    options: AutoOptions

    def candidates(self, names: bool) -> list[Candidate]:
        given = self.options.model_dump()
        methods = [Prototypes(PrototypesOptions(**given)), Probe(ProbeOptions(**given))]
        return [candidate for method in methods for candidate in method.candidates(names)]
