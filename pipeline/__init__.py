"""Script → narrated, captioned video."""
