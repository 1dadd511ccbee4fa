"""The numerical problems behind the methods."""
