"""Script → narrated, captioned video."""

__version__ = "0.1.0"
