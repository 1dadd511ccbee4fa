"""Balancing methods, one file each; a method registers itself in `tfmtl.core.registry.BALANCING`."""
