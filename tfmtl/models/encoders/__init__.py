"""Trunks, of which all tasks of a model share one."""
