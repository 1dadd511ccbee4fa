"""Decoders and other layers that write from the states of a trunk."""
