"""Mixing schedules, which decide how often rows are drawn from each stream."""
