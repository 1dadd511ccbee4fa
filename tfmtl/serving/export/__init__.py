"""From a run to a SavedModel that takes raw strings."""
