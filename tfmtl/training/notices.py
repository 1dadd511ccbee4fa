"""Warnings and advice that are logged before a training starts."""

import logging
from collections.abc import Sequence

import numpy as np

from tfmtl.data.plan import Plan, task_shares
from tfmtl.data.tables import Table
from tfmtl.models.network import Network
from tfmtl.models.trunk import Trunk

FEWEST_UPDATES = 500
"""The number of updates below which new layers have rarely learned to write."""

FEW_ROWS = 20_000
"""The number of training rows up to which a pretrained trunk is recommended."""

_logger = logging.getLogger("tfmtl")


def warn_of_few_updates(network: Network, tables: Sequence[Table], plan: Plan) -> None:
    """Warns of written tasks whose decoder is new and is trained by few updates; see `FEWEST_UPDATES`."""
    if network.layers.sharing.trunk.can_write:
        return
    shares = task_shares(tables, plan)
    for task in network.decoder_of:
        updates = np.count_nonzero(shares[task])
        if updates < FEWEST_UPDATES:
            _logger.warning(
                "task '%s': only %d updates to train a new decoder; train longer, with a smaller batch, or use a "
                "pretrained model that writes",
                task,
                updates,
            )


def recommend_pretrained(trunk: Trunk, tables: Sequence[Table]) -> None:
    """Recommends a pretrained trunk where a new one has few rows to learn from; see `FEW_ROWS`."""
    rows = sum(len(table.tokens) for table in tables)
    if not trunk.is_pretrained and rows <= FEW_ROWS:
        _logger.info(
            "only %d training rows to train an encoder from scratch; a pretrained one, such as 'model.encoder: "
            "{type: preset, preset: hf://sentence-transformers/all-MiniLM-L6-v2}' for English, usually does better",
            rows,
        )
