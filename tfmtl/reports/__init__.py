"""Metrics, their intervals, baselines, and the report that shows them."""
