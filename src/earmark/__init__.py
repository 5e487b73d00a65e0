"""Earmark hears what genre a piece of music is, how sure it is, and which labelled tracks it sounds like."""
