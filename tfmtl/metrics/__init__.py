"""Metrics, one file each; a metric registers itself in `tfmtl.core.registry.METRICS`."""
