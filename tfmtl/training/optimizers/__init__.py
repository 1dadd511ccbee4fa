"""Optimizers, one file each: what makes an update of a gradient that is reduced and clipped already."""
