"""How far figures may differ that are computed in another order."""

from __future__ import annotations

SCALES = 1e-5
"""How far distances may differ: hubs are scaled by sums in single precision, whose order depends
on how many tracks are looked at together."""
