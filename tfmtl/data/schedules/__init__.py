"""Mixing schedules: how often rows are drawn from each stream."""
