"""The interface of denoising to the rest of the package."""

import numpy as np

from tfmtl.core.registry import KINDS
from tfmtl.data.rows import Rows
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.denoising.span_corruption import answer_length, corrupt
from tfmtl.kinds.denoising.token_masking import mask
from tfmtl.kinds.kind import Corrupt, HeadContext, Kind
from tfmtl.models.layers.mlm_head import MLMHead
from tfmtl.models.layers.pointer_generator import PointerGeneratorHead
from tfmtl.training.losses import PROBE_TOKENS, TokenLoss


@KINDS.register("denoising", options=Denoising)
class DenoisingKind(Kind):
    """Filling the gaps in a text: an auxiliary task that trains the trunk and is not answered afterwards."""

    corrupts = True

    def encode(self, task: Denoising, rows: Rows) -> np.ndarray:
        # Every text can be learned from, because the targets are its own tokens.
        return np.zeros(len(rows), np.int32)

    def corrupt(self, task: Denoising) -> Corrupt:
        if task.objective == "pieces":
            return lambda tokens, seed: mask(tokens, seed, task.noise_density)
        return lambda tokens, seed: corrupt(tokens, seed, task.noise_density, task.mean_span)

    def head(self, task: Denoising, context: HeadContext, common: str | None = None) -> PointerGeneratorHead:
        # What is missing cannot be copied.
        return PointerGeneratorHead(copy_source=False, name=task.name, dtype=context.trunk.dtype_policy)

    def target_length(self, task: Denoising, text_length: int) -> int:
        # Without the end mark, which is written but never read.
        return int(answer_length(text_length, task.noise_density, task.mean_span)) - 1

    def decoder(self, task: Denoising, **kwargs) -> MLMHead | None:
        return MLMHead(**kwargs) if task.objective == "pieces" else None

    def loss(self, task: Denoising, targets) -> TokenLoss:
        return TokenLoss()

    def probe_targets(self, task):
        return PROBE_TOKENS
