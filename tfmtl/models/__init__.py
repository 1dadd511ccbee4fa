"""The parts that learn: trunks, heads and decoders."""
