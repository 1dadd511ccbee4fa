"""Source formats, one file per family of formats."""
