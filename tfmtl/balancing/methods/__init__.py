"""One file a balancing method; each registers itself in `tfmtl.core.registry.BALANCING`."""
