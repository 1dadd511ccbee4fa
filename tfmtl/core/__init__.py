"""What everything stands on: the registry, errors, validation, files that are written whole or not at all."""
