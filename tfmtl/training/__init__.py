"""From an experiment to a trained run."""
