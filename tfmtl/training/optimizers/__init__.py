"""Optimizers, one file each, which turn a reduced and clipped gradient into an update."""
