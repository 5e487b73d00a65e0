"""How good a library is, and whether its scores can be believed.

The task: every test track is given one genre by the vote of the training tracks; its label says
whether that is right. Most of what can go wrong goes wrong in the split into test and training.

``evaluation_set``    the labelled tracks, and what keeps them together: artists and copies
``splits``            which tracks are trained on and which are tested
``split_choice``      from the name of a split to a split
``cross_validation``  predictions for the test tracks of a split
``metrics``           figures of merit; arrays in, numbers out
``intervals``         confidence intervals and paired tests
``scores``            all of these for one split
``mistakes``          the most confident wrong predictions, with the neighbors that decided them
``sources``           whether answers hold across the collections that tracks are from
``leakage``           whether scores can be believed, in words
``comparison``        two libraries or two votes on the same tracks
``label_issues``      labels that the neighborhood disagrees with, and hubs
``auditing``          what is wrong with a library
``evaluating``        a whole evaluation
``reporting``         an evaluation and an audit as text and as one HTML file
``gtzan``             what is known about the GTZAN clips

>>> from earmark import open_library
>>> from earmark.evaluation import audit, load_evaluation_set
>>> with open_library("reference") as library:
...     tracks = load_evaluation_set(library)
>>> audit(tracks, files=False).exact
[]
"""

from earmark.evaluation.auditing import Audit, audit
from earmark.evaluation.comparison import Comparison, compare
from earmark.evaluation.cross_validation import SplitPredictions, Vote, cross_val_predict
from earmark.evaluation.evaluating import Evaluation, OtherSplit, evaluate
from earmark.evaluation.evaluation_set import EvaluationSet, load_evaluation_set
from earmark.evaluation.leakage import Verdict, leakage_verdict
from earmark.evaluation.scores import Scores, score_predictions
from earmark.evaluation.split_choice import SplitRequest, choose_split

__all__ = [
    "Audit",
    "Comparison",
    "Evaluation",
    "EvaluationSet",
    "OtherSplit",
    "Scores",
    "SplitPredictions",
    "SplitRequest",
    "Verdict",
    "Vote",
    "audit",
    "choose_split",
    "compare",
    "cross_val_predict",
    "evaluate",
    "leakage_verdict",
    "load_evaluation_set",
    "score_predictions",
]
