"""Ready tasks with their sources, one file a dataset."""
