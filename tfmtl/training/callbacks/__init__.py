"""The callbacks of a training, which act between its updates."""
