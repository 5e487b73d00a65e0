"""The library that is served, and what is made of it."""
