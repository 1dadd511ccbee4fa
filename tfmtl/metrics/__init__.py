"""One file a metric; each registers itself in `tfmtl.core.registry.METRICS`."""
