"""Adapting a trained run to new tasks, from few rows."""
