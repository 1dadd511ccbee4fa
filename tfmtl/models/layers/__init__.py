"""The layers that trunks, decoders and heads are made of."""
