"""The foundations: the registry, errors, validation, and files that are written whole or not at all."""
