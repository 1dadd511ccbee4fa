"""Encoders: the trunk that all tasks share."""
