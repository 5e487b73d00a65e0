"""Which version this is; the one place where that is written."""

__version__ = "0.1.0"
