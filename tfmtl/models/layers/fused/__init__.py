"""Element-wise parts of training, of which each is one compiled kernel forwards and one backwards."""
