"""Solvers for the numerical problems behind the methods."""
