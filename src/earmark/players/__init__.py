"""Songs of a music server: by which ids it knows them, and which tracks of a library they are.

`subsonic` asks a server for its songs, `matching` finds the track of each, and `ids` keeps what was
found beside the library, so that a player's question about one of its songs can be answered.
`mpd` puts songs into the queue of a Music Player Daemon.
"""

from earmark.players.ids import PlayerIds, ids_path
from earmark.players.matching import PlayerSong, match
from earmark.players.mpd import MpdClient
from earmark.players.subsonic import SubsonicClient

__all__ = ["MpdClient", "PlayerIds", "PlayerSong", "SubsonicClient", "ids_path", "match"]
