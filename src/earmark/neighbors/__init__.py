"""Search, vote, probabilities and abstention: arrays in, arrays out, no input or output."""

from earmark.neighbors.answers import Answers
from earmark.neighbors.fitting import fit, leave_group_out
from earmark.neighbors.groups import find_duplicates, fold_artist, group_tracks
from earmark.neighbors.metrics import METRICS
from earmark.neighbors.parameters import Parameters
from earmark.neighbors.voter import STRANGE, Voter

__all__ = [
    "METRICS",
    "STRANGE",
    "Answers",
    "Parameters",
    "Voter",
    "find_duplicates",
    "fit",
    "fold_artist",
    "group_tracks",
    "leave_group_out",
]
