"""The affinities of tasks, measured in a training, and the groups that follow from them."""
