"""The layers that encoders, decoders and heads are made of."""
