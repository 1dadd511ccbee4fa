"""One file a metric; each registers itself in `tfmtl.registry.METRICS`."""
