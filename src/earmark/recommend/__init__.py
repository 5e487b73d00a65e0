"""More like this: similar songs, a path from one song to another, playlists, and their rules.

`Recommender` makes all three from a library. The engine below it works on columns of numbers:
`space` says how unlike two tracks are, `rules` what a list must keep to, `similar`, `path` and
`playlist` make lists, `files` writes and reads playlist files.
"""

from earmark.recommend.recommender import Recommender, Songs, Suggestion, catalog_of
from earmark.recommend.rules import Rules

__all__ = ["Recommender", "Rules", "Songs", "Suggestion", "catalog_of"]
