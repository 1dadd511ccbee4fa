"""The signatures of an export: one file each, which says what tasks it answers."""
