"""Trunks: the encoders and causal models that all tasks of a model share."""
