"""Libraries made of what other programs wrote: ``classic`` reads a ``my.dat``, ``npz`` vectors.

This stands above the library, and needs nothing of it but a place to put tracks.
"""
