"""Measurements of tfmtl beside what it competes with."""
