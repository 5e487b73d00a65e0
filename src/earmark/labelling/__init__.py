"""Labels with little work: which song to ask about next, and what its label was worth."""

from earmark.labelling.choosing import Chooser
from earmark.labelling.progress import Progress, progress_of
from earmark.labelling.session import Guess, Question, Session

__all__ = ["Chooser", "Guess", "Progress", "Question", "Session", "progress_of"]
