"""What writes from the states of a trunk."""
