"""Where text comes from, one file a format family."""
