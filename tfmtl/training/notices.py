"""What a training is told at its start, because it would be a surprise at its end."""

import logging

import numpy as np

from tfmtl.data.plan import Plan, task_shares
from tfmtl.data.tables import Table
from tfmtl.models.network import Network

FEWEST_UPDATES = 500
"""The number of updates below which new layers have rarely learned to write."""

_logger = logging.getLogger("tfmtl")


def warn_of_few_updates(network: Network, tables: list[Table], plan: Plan) -> None:
    """Warns of written tasks whose decoder is new and is trained by few updates; see `FEWEST_UPDATES`."""
    shares = task_shares(tables, plan)
    for task, owner in network.decoder_of.items():
        updates = np.count_nonzero(shares[task])
        if updates < FEWEST_UPDATES and not getattr(network.layers.decoders[owner], "can_write", False):
            _logger.warning(
                "task '%s': %d updates are few for layers that have never written; train longer, with a smaller "
                "batch, or use a pretrained model that writes",
                task,
                updates,
            )
