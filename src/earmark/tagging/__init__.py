"""Genres in people's own files: planned, looked at, applied, and taken back."""
