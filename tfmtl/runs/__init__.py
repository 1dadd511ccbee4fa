"""The folder of a run: its paths, whose it is, its checkpoints, and how its model is loaded."""
