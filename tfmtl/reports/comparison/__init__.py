"""Whether one model is better than another: runs side by side, on the same rows."""
