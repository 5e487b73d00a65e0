"""Earmark hears what genre a piece of music is, how sure it is, and what it sounds like."""
