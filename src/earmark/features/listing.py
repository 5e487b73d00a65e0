"""The feature extractors that are here, for people to choose from; no network is loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from earmark.errors import ExtractorError
from earmark.features import model, plugins, registry
from earmark.features.base import Card, ExtractorSpec, FeatureExtractor


@dataclass(frozen=True, slots=True)
class Entry:
    """A feature extractor that is here.

    Attributes
    ----------
    name
        What ``--extractor`` takes.
    where
        ``"package"``, ``"plug-in"``, or the folder.
    spec, card, sample_rate
        Of the extractor; None where there is a problem.
    problem
        Why it cannot be used; None where nothing is known against it.
    """

    name: str
    where: str
    spec: ExtractorSpec | None = None
    card: Card | None = None
    sample_rate: int | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        facts: dict[str, Any] = {"name": self.name, "where": self.where, "problem": self.problem}
        if self.spec is not None and self.card is not None:
            facts |= describe(self.spec, self.card, self.sample_rate or 0)
        return facts


def describe(spec: ExtractorSpec, card: Card, sample_rate: int) -> dict[str, Any]:
    """Return what there is to know of an extractor, as JSON values."""
    return {
        "extractor": {"name": spec.name, "version": spec.version, "checksum": spec.checksum},
        "dimension": spec.dimension,
        "similarity": spec.similarity,
        "sample_rate": sample_rate,
        "license": card.license,
        "size": card.size,
        "description": card.description,
        "citation": card.citation,
        "link": card.link,
        "training_data": card.training_data,
        "outputs": [{"meaning": meaning, "numbers": count} for meaning, count in card.outputs],
        "words": list(spec.words),
    }


def entries() -> Iterator[Entry]:
    """Yield the extractors of the package, of plug-ins, and of the search path."""
    for name in registry.BUILT_IN:
        yield _entry(name, "package", partial(registry.get_extractor, name))
    for name in plugins.names():
        yield _entry(name, "plug-in", partial(plugins.open_plugin, name))
    for found in registry.models():
        yield _entry(found.name, str(found.folder), partial(model.open_folder, found.folder))


def _entry(name: str, where: str, make: Callable[[], FeatureExtractor]) -> Entry:
    try:
        made = make()
        return Entry(name, where, made.spec, made.card, made.sample_rate)
    except ExtractorError as error:
        return Entry(name, where, problem=str(error))
