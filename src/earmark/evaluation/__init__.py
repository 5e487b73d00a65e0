"""How good a library is, and whether that figure can be believed."""
