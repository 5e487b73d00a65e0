"""Songs of a music server: by which ids it knows them, and which tracks of a library they are.

`subsonic` asks a server for its songs, `matching` finds the track of each, and `ids` keeps what was
found beside the library, so that a player's question about one of its songs can be answered.
"""

from earmark.players.ids import PlayerIds, ids_path
from earmark.players.matching import PlayerSong, match
from earmark.players.subsonic import SubsonicClient

__all__ = ["PlayerIds", "PlayerSong", "SubsonicClient", "ids_path", "match"]
