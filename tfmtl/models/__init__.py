"""What learns: trunk, heads, decoders."""
