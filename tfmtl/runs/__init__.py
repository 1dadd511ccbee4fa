"""The folder of a run: its paths, its owner, its checkpoints, and the loading of its model."""
