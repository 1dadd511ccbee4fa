"""Denoising as the rest of the package sees it."""

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
    """What was in the gaps of a text: an auxiliary task for the trunk, which nobody asks afterwards."""

    corrupts = True

    def encode(self, task: Denoising, rows: Rows) -> np.ndarray:
        # Every text has its own tokens to learn from.
        return np.zeros(len(rows), np.int32)

    def corrupt(self, task: Denoising) -> Corrupt:
        if task.objective == "pieces":
            return lambda tokens, seed: mask(tokens, seed, task.noise_density)
        return lambda tokens, seed: corrupt(tokens, seed, task.noise_density, task.mean_span)

    def head(self, task: Denoising, context: HeadContext, common: str | None = None) -> PointerGeneratorHead:
        # Nothing that is missing can be copied.
        return PointerGeneratorHead(copy_source=False, name=task.name, dtype=context.trunk.dtype_policy)

    def target_length(self, task: Denoising, text_length: int) -> int:
        # But for the end mark, which is written and never read.
        return int(answer_length(text_length, task.noise_density, task.mean_span)) - 1

    def decoder(self, task: Denoising, **kwargs) -> MLMHead | None:
        return MLMHead(**kwargs) if task.objective == "pieces" else None

    def loss(self, task: Denoising, targets) -> TokenLoss:
        return TokenLoss()

    def probe_targets(self, task):
        return PROBE_TOKENS
