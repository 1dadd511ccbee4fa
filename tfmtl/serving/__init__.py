"""From a run to an export, and to predictions."""
