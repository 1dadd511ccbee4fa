"""Comparisons of models, by runs side by side on the same rows."""
