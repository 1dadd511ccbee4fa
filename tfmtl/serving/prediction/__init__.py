"""The answers of a run, an export or a server to rows."""
