"""Whoever uses Earmark is bound by no copyleft licence but the LGPL of the decoders."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distribution

import pytest
from packaging.requirements import Requirement

from support.skips import require_package

DECODERS = {"av", "soundfile", "soxr"}
"""Packages that hold libraries of FFmpeg, libsndfile and libsoxr, all under the LGPL."""

COPYLEFT = re.compile(
    r"GPL|General Public|MPL|Mozilla Public|EUPL|European Union Public|CDDL|EPL|Eclipse Public"
    r"|CeCILL|OSL|Open Software Li|SSPL|Server Side Public|CC.BY.NC|ShareAlike|CC.BY.SA",
    re.IGNORECASE,
)
LESSER = re.compile(r"LGPL|(Lesser|Library) General Public", re.IGNORECASE)


def needed(name: str, extras: frozenset[str] = frozenset()) -> dict[str, Distribution]:
    """Return the installed distributions that one needs, those that these need, and so on."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extras)]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if (key, extras) in seen:
            continue
        seen.add((key, extras))
        found[key] = distribution(name)
        for line in found[key].requires or []:
            requirement = Requirement(line)
            marker = requirement.marker
            asked = [{"extra": extra} for extra in extras or {""}]
            if marker is None or any(marker.evaluate(one) for one in asked):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


def licences(package: Distribution) -> list[str]:
    """Return what a distribution says of its licence, each in one line."""
    metadata = package.metadata
    said = [
        text
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License ::") and text != "License :: OSI Approved"
    ]
    # Some put the whole text there, whose first lines name it.
    for field in ("License-Expression", "License"):
        said += [" ".join(text.split())[:200] for text in metadata.get_all(field) or []]
    return [text for text in said if text and text != "UNKNOWN"]


def faults(name: str, said: list[str]) -> list[str]:
    """Return the licences among those of a package that Earmark may not depend on."""
    return [
        f"{name}: {text}"
        for text in said
        if COPYLEFT.search(text) and not (name in DECODERS and LESSER.search(text))
    ]


def test_hard_dependencies_have_permissive_licences() -> None:
    packages = needed("earmark")
    assert {"av", "numpy", "onnxruntime", "tinytag"} <= packages.keys()
    assert "mutagen" not in packages
    assert [name for name, package in packages.items() if not licences(package)] == []
    assert [
        fault for name, package in packages.items() for fault in faults(name, licences(package))
    ] == []


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("mutagen", "GPL-2.0-or-later"),
        ("soxr", "GPL-3.0-only"),
        ("other", "LGPL-2.1"),
        ("other", "License :: OSI Approved :: GNU General Public License v2 or later (GPLv2+)"),
        ("other", "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)"),
    ],
)
def test_a_copyleft_licence_is_seen(name: str, licence: str) -> None:
    assert faults(name, [licence])


def test_what_is_permitted_is_not_seen() -> None:
    for name, licence in {
        "soxr": "LGPL-2.1-or-later",
        "a": "MIT",
        "b": "BSD-3-Clause AND Apache-2.0",
        "c": "License :: OSI Approved :: ISC License (ISCL)",
        "d": "PSF-2.0",
    }.items():
        assert faults(name, [licence]) == []


def test_the_extra_is_known_for_what_it_is() -> None:
    require_package("mutagen")
    assert faults("mutagen", licences(distribution("mutagen")))
