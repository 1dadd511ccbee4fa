"""Experiments: their typed sections, their YAML files, and variants derived from them."""
