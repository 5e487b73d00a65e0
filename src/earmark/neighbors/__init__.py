"""Search, vote, probabilities and abstention: arrays in, arrays out, no input or output."""

from earmark.neighbors.all_pairs import AllPairs
from earmark.neighbors.arrays import subsample
from earmark.neighbors.brute_force import BruteForce
from earmark.neighbors.fitted import UNLIKE, FittedVoter
from earmark.neighbors.fitting import fit, is_majority, leave_group_out
from earmark.neighbors.groups import (
    artist_names,
    count_artists,
    fold_artist,
    fold_artists,
    group_recordings,
    group_tracks,
    links_of,
    recording_groups,
)
from earmark.neighbors.index import Index
from earmark.neighbors.label_sets import (
    STYLE_SIGN,
    LabelSets,
    list_genres,
    taxonomy,
    top_of,
    with_parents,
)
from earmark.neighbors.lengths import Excerpts
from earmark.neighbors.majority import MajorityVoter
from earmark.neighbors.metrics import METRICS
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.predictions import Predictions
from earmark.neighbors.ranking import RANKED, Ranking
from earmark.neighbors.recordings import Copy, codes_of, find_copies
from earmark.neighbors.same_recording import Recordings, copies_of_many
from earmark.neighbors.vote import one_hot
from earmark.neighbors.voter import Voter
from earmark.neighbors.voters import kept_voter, make_voter

__all__ = [
    "METRICS",
    "RANKED",
    "STYLE_SIGN",
    "UNLIKE",
    "AllPairs",
    "BruteForce",
    "Copy",
    "Excerpts",
    "FittedVoter",
    "Index",
    "LabelSets",
    "MajorityVoter",
    "Parameters",
    "Predictions",
    "Ranking",
    "Recordings",
    "Voter",
    "artist_names",
    "codes_of",
    "copies_of_many",
    "count_artists",
    "find_copies",
    "fit",
    "fold_artist",
    "fold_artists",
    "group_recordings",
    "group_tracks",
    "is_majority",
    "kept_voter",
    "leave_group_out",
    "links_of",
    "list_genres",
    "make_voter",
    "one_hot",
    "recording_groups",
    "subsample",
    "taxonomy",
    "top_of",
    "with_parents",
]
