"""Rules of dynamic mixing, which choose how often rows are drawn from each stream by what the model has learned."""
