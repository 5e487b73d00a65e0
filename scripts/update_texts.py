"""Bring the catalogues of texts up to date: python scripts/update_texts.py [LANGUAGE ...].

It takes every text out of the templates, the scripts of the pages and the Python modules, and
writes ``src/earmark/web/translations/LANGUAGE.po``, of all languages that are there, or of those
that are named, which may be new. Texts that are new stand there with an empty translation, to be
filled in; those that are in no file any more are taken out. ``--check`` writes nothing. It says
what is to do, and ends with 1 where that is something. It needs Babel, of the group ``dev``.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "earmark"
WEB = SOURCE / "web"
TRANSLATIONS = WEB / "translations"

HEADER = """\
# The texts of Earmark's pages. scripts/update_texts.py puts new ones here; fill in what is empty.
# Words in %%(...)s are values, and stay as they are.
msgid ""
msgstr ""
"Language: %s\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""

PYTHON = {"gettext": None, "marked": None, "translated": None, "ngettext": (1, 2)}
SAID = {"say": None, "say_many": (1, 2)}
"""What marks a sentence that pages find by its pattern."""

KINDS = {
    "jinja2": (
        WEB / "templates",
        {"_": None, "gettext": None, "ngettext": (1, 2)},
        {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"},
    ),
    "javascript": (
        WEB / "static" / "js",
        {"t": None, "parts": None, "tn": (1, 2)},
        {"jsx": False, "parse_template_string": True},
    ),
    "python": (SOURCE, PYTHON, {}),
}
"""For each kind of file: where they lie, what marks a text in them, and how they are read."""

ENDINGS = {"jinja2": ("*.html", "*.js"), "javascript": ("*.js",), "python": ("*.py",)}
PLACE = re.compile(r"%\((\w+)\)s")


def found() -> Iterator[tuple[str, str | tuple[str, str], list[str]]]:
    """Yield every text with its file, and with a comment where it is a sentence of `words.say`."""
    for kind, (folder, keywords, options) in KINDS.items():
        for path in sorted(path for ending in ENDINGS[kind] for path in folder.rglob(ending)):
            place = path.relative_to(ROOT).as_posix()
            source = path.read_bytes()
            for marks, comment in ((keywords, []), (SAID, ["said"])):
                if marks is SAID and kind != "python":
                    continue
                for _, message, _, _ in extract(kind, io.BytesIO(source), marks, [], options):
                    if message:
                        yield place, message, comment


def template() -> Catalog:
    """Return a catalogue of all texts, without translations."""
    made = Catalog()
    for place, message, comments in found():
        made.add(message, locations=[(place, 0)], auto_comments=comments)
    return made


def updated(language: str, texts: Catalog) -> Catalog:
    """Return the catalogue of a language with exactly these texts."""
    path = TRANSLATIONS / f"{language}.po"
    catalogue = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
    catalogue.update(texts, no_fuzzy_matching=True)
    return catalogue


def written(language: str, catalogue: Catalog) -> str:
    """Return a catalogue as its file has it: sorted, so that it merges well."""
    file = io.BytesIO()
    write_po(
        file,
        catalogue,
        width=None,
        omit_header=True,
        sort_output=True,
        ignore_obsolete=True,
        include_lineno=False,
    )
    return HEADER % language + file.getvalue().decode().strip() + "\n"


def problems(catalogue: Catalog) -> list[str]:
    """Return what is wrong with a catalogue, a line for each text."""
    said = []
    for message in catalogue:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        if len(forms) != len(ids) or not all(forms):
            said.append(f"is not translated: {ids[0]!r}")
        elif message.fuzzy:
            said.append(f"is only guessed: {ids[0]!r}")
        elif _places(ids) != _places(forms):
            said.append(f"has other values than the text: {ids[0]!r}")
    return said


def _places(forms: tuple[str, ...]) -> set[str]:
    return {name for form in forms for name in PLACE.findall(form)}


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    code = 0
    texts = template()
    for language in options.languages or sorted(path.stem for path in TRANSLATIONS.glob("*.po")):
        path = TRANSLATIONS / f"{language}.po"
        catalogue = updated(language, texts)
        fresh = written(language, catalogue)
        said = problems(catalogue)
        if options.check:
            if not path.exists() or path.read_text("utf-8") != fresh:
                said.insert(0, "is not up to date: run python scripts/update_texts.py")
        else:
            path.write_text(fresh, "utf-8")
        for line in said:
            print(f"{path.relative_to(ROOT)}: {line}")
        code = code or int(bool(said))
    return code


if __name__ == "__main__":
    sys.exit(main())
