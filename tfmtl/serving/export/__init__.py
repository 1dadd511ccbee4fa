"""The export of a run as a SavedModel that takes raw strings."""
