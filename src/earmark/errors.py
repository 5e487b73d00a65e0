"""Everything that Earmark raises on purpose.

::

    EarmarkError
    ├── AudioError              one sound file cannot be used
    │   ├── AudioNotFound       there is no such file
    │   ├── AudioIsFolder       the path is a folder
    │   ├── AudioEmpty          the file has no bytes
    │   ├── NotAudio            no decoder knows the file, or it may not be read
    │   ├── NoAudioStream       a container without sound, such as a silent film
    │   ├── AudioTruncated      the file ends before any sound
    │   ├── AudioTooShort       shorter than one second
    │   ├── AudioTooLong        longer than the limit
    │   ├── AudioSilent         all samples are zero, or nearly
    │   └── AudioNotFinite      samples that are infinite or not a number
    ├── FeatureError            a recording has no features (too few frames, singular covariance)
    ├── ExtractorError          a feature extractor cannot be used
    │   ├── ExtractorNotFound   there is none of that name, or it is not here
    │   └── ExtractorRefused    a model or plug-in is not what it says
    ├── LibraryError            a library cannot be used
    │   ├── LibraryNotFound     there is no such library
    │   ├── LibraryExists       a library would be overwritten
    │   ├── NotALibrary         the file is something else
    │   ├── LibraryDamaged      the file is a library, but broken
    │   ├── LibraryFormat       written by another version of Earmark
    │   ├── LibraryExtractor    holds the vectors of another feature extractor
    │   ├── LibraryReadOnly     the library may not be changed
    │   ├── LibraryBusy         another process is writing
    │   ├── LibraryUnreachable  the server that keeps it is away
    │   ├── LibraryRefused      that server does not let this user do it
    │   ├── LibraryEmpty        no labelled tracks to compare with
    │   ├── LibraryReplaced     another library lies at the place of the one that was opened
    │   ├── TrackNotFound       the library has no such track
    │   └── ChangeNotFound      its history has no such change
    ├── CollectionError         a folder or manifest of music cannot be built from
    ├── ImportFormatError       a my.dat or npz file cannot be imported
    │   └── UnsafePickle        a pickle that holds more than arrays of numbers
    ├── WorkerError             a worker process did not do its work
    │   ├── WorkerDied          it crashed, or was ended by something else
    │   ├── TookTooLong         the work took longer than the limit
    │   ├── TookTooMuchMemory   the work needs more memory than the limit
    │   ├── BadReply            what it answered makes no sense
    │   ├── WorkersDoNotStart   no worker process can be started
    │   ├── Busy                too much work waits already
    │   ├── Canceled            the work was called off
    │   └── Shutdown            the workers are being ended
    ├── ClusterError            a cluster cannot be reached, or its workers cannot do the work
    ├── EvaluationError         a split or a figure cannot be computed
    ├── RecommendError          a list of songs cannot be made as it was asked for
    ├── PlaylistError           a playlist file cannot be read or written
    ├── PlayerError             a music server cannot be asked, or its ids cannot be read
    ├── TagError                the tags of a file cannot be read or written as asked
    │   ├── TagsNotSupported    Earmark does not write into such a file, or mutagen is not here
    │   ├── PlanError           a plan of tags cannot be read
    │   └── JournalError        a journal of tags cannot be read or written
    └── ServerError             the web application cannot start or answer

Every message is one line that says which file, what is wrong and what to do. Commands print it
without a traceback; the web application sends it as the answer.

>>> from earmark import Classifier, EarmarkError, open_library
>>> with open_library("reference") as library:
...     try:
...         Classifier(library).predict("no-such-song.mp3")
...     except EarmarkError as error:
...         print(error)
no-such-song.mp3: there is no such file; check the spelling
"""

from __future__ import annotations

import os


class EarmarkError(Exception):
    """The root of the tree; its message is fit to be shown to a person."""


class AudioError(EarmarkError):
    """One sound file cannot be used.

    Parameters
    ----------
    path
        The file, as the caller named it.
    problem
        What is wrong with it and what to do, without the file's name.
    """

    def __init__(self, path: str | os.PathLike[str], problem: str) -> None:
        super().__init__(f"{os.fspath(path)}: {problem}")
        self.path = os.fspath(path)
        self.problem = problem

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        """Pickle by both arguments, so that worker processes can raise it."""
        return type(self), (self.path, self.problem)


class AudioNotFound(AudioError):
    """There is no such file."""


class AudioIsFolder(AudioError):
    """The path is a folder."""


class AudioEmpty(AudioError):
    """The file has no bytes."""


class NotAudio(AudioError):
    """No decoder knows the file, or it may not be read."""


class NoAudioStream(AudioError):
    """A container without sound."""


class AudioTruncated(AudioError):
    """The file ends before any sound."""


class AudioTooShort(AudioError):
    """The recording is shorter than one second."""


class AudioTooLong(AudioError):
    """The recording is longer than the limit."""


class AudioSilent(AudioError):
    """All samples are zero, or nearly."""


class AudioNotFinite(AudioError):
    """Samples that are infinite or not a number."""


class FeatureError(EarmarkError):
    """A recording has no features."""


class ExtractorError(EarmarkError):
    """A feature extractor cannot be used."""


class ExtractorNotFound(ExtractorError):
    """There is no feature extractor of that name, or it is not here."""


class ExtractorRefused(ExtractorError):
    """A model or plug-in is not what it says.

    Parameters
    ----------
    where
        The file or module, as the caller named it.
    problem
        What is wrong with it and what to do.
    """

    def __init__(self, where: str | os.PathLike[str], problem: str) -> None:
        super().__init__(f"{os.fspath(where)}: {problem}")
        self.where = os.fspath(where)
        self.problem = problem

    def __reduce__(self) -> tuple[type[ExtractorRefused], tuple[str, str]]:
        """Pickle by both arguments, so that worker processes can raise it."""
        return type(self), (self.where, self.problem)


class LibraryError(EarmarkError):
    """A library cannot be used."""


class LibraryNotFound(LibraryError):
    """There is no such library."""


class LibraryExists(LibraryError):
    """A library would be overwritten."""


class NotALibrary(LibraryError):
    """The file is something else than a library."""


class LibraryDamaged(LibraryError):
    """The file is a library, but broken."""


class LibraryFormat(LibraryError):
    """The library was written by another version of Earmark."""


class LibraryExtractor(LibraryError):
    """The library holds the vectors of another feature extractor."""


class LibraryReadOnly(LibraryError):
    """The library may not be changed."""


class LibraryBusy(LibraryError):
    """Another process is writing to the library."""


class LibraryUnreachable(LibraryError):
    """The server that keeps the library is away."""


class LibraryRefused(LibraryError):
    """The server that keeps the library does not let this user in, or do what was asked."""


class LibraryEmpty(LibraryError):
    """No labelled tracks to compare with."""


class LibraryReplaced(LibraryError):
    """Another library lies at the place of the one that was opened."""


class TrackNotFound(LibraryError):
    """The library has no such track."""


class ChangeNotFound(LibraryError):
    """The history of the library has no such change."""


class CollectionError(EarmarkError):
    """A folder or manifest of music cannot be built from."""


class ImportFormatError(EarmarkError):
    """A my.dat or npz file cannot be imported."""


class UnsafePickle(ImportFormatError):
    """A pickle that holds more than arrays of numbers."""


class WorkerError(EarmarkError):
    """A worker process did not do its work.

    Parameters
    ----------
    problem
        What went wrong and what to do, without the name of what was worked on.
    name
        What was worked on, such as a file as the caller named it; may be empty.
    """

    def __init__(self, problem: str, name: str = "") -> None:
        super().__init__(f"{name}: {problem}" if name else problem)
        self.problem = problem
        self.name = name

    def __reduce__(self) -> tuple[type[WorkerError], tuple[str, str]]:
        """Pickle by both arguments."""
        return type(self), (self.problem, self.name)


class WorkerDied(WorkerError):
    """The process crashed, or was ended by something else."""


class TookTooLong(WorkerError):
    """The work took longer than the limit, of the clock or of the processor."""


class TookTooMuchMemory(WorkerError):
    """The work needs more memory than the limit."""


class BadReply(WorkerError):
    """What a worker process answered makes no sense."""


class WorkersDoNotStart(WorkerError):
    """No worker process can be started."""


class Busy(WorkerError):
    """Too much work waits already."""


class Canceled(WorkerError):
    """The work was called off."""


class Shutdown(WorkerError):
    """The workers are being ended."""


class ClusterError(EarmarkError):
    """A cluster cannot be reached, or its workers cannot do the work."""


class EvaluationError(EarmarkError):
    """A split or a figure cannot be computed."""


class RecommendError(EarmarkError):
    """A list of songs cannot be made as it was asked for."""


class PlaylistError(EarmarkError):
    """A playlist file cannot be read or written."""


class PlayerError(EarmarkError):
    """A music server cannot be asked, or the ids of its songs cannot be read or written."""


class TagError(EarmarkError):
    """The tags of a file cannot be read or written as asked."""


class TagsNotSupported(TagError):
    """Earmark does not write into such a file, or the package that does is not here."""


class PlanError(TagError):
    """A plan of tags cannot be read."""


class JournalError(TagError):
    """A journal of tags cannot be read or written."""


class ServerError(EarmarkError):
    """The web application cannot start or answer."""
