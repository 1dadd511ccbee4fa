"""Which tasks belong together: affinities measured in a training, and the groups that follow from them."""
