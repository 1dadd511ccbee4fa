"""Methods of meta-learning, which learn weights that adapt to a new task in a few steps."""
