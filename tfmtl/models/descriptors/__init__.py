"""Heads that are generated from the descriptors of tasks; one file for each form, found by their registration."""
