"""The language of pages: which one a browser asks for, and what every text is called in it.

The texts in code are English; the catalogue of another language (``translations/de.po``) says what
each is called there. Files of that form are what translators and their programs work with. They are
read as they are, so there is nothing to compile that could be older than its source.

Values stand in texts as ``%(name)s``, in templates, Python and scripts alike.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask import Response, g, has_request_context, request
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from earmark.words import PLACE, fill, in_page

TRANSLATIONS = Path(__file__).resolve().parent / "translations"
SCRIPTS = "src/earmark/web/static/js/"
SAID = "#. said"

ENGLISH = "en"
LANGUAGES = (ENGLISH, *sorted(path.stem for path in TRANSLATIONS.glob("*.po")))
"""What pages are written in; who asks for none of them gets the first."""

_LINE = re.compile(r'(?:(msgid_plural|msgid|msgstr)(?:\[\d\])? )?(".*")')
_ENDS = ("; ", ". ")
"""What stands between sentences, and between their parts, that are found one by one."""
_NUMBER = re.compile(r"[<>]?\d[\d,]*(?:\.\d+)?%?")


@dataclass(frozen=True)
class Text:
    """A text of the catalogue.

    Attributes
    ----------
    forms
        In English: of one, and where it counts something, of several.
    translated
        The same in the other language.
    places
        The files that it stands in.
    said
        Whether it is a sentence that `earmark.words.say` makes.
    """

    forms: tuple[str, ...]
    translated: tuple[str, ...]
    places: tuple[str, ...]
    said: bool = False


def read_catalogue(catalogue: str) -> list[Text]:
    r"""Read a catalogue; what is not translated, or only guessed (``fuzzy``), is left out.

    Parameters
    ----------
    catalogue
        What a file of GNU gettext holds.

    >>> read_catalogue('#: home.html\nmsgid "one song"\nmsgstr "ein Song"\n')
    [Text(forms=('one song',), translated=('ein Song',), places=('home.html',), said=False)]
    """
    found = []
    for block in catalogue.split("\n\n"):
        parts: dict[str, list[str]] = {"msgid": [], "msgid_plural": [], "msgstr": []}
        places: list[str] = []
        said = False
        flags: list[str] = []
        current: list[str] = []
        for line in block.splitlines():
            if line.startswith("#:"):
                places += line[2:].split()
            elif line.startswith("#."):
                said = said or line == SAID
            elif line.startswith("#,"):
                flags += line[2:].replace(",", " ").split()
            elif (match := _LINE.fullmatch(line)) is not None:
                kind, quoted = match.groups()
                if kind:
                    current = parts[kind]
                    current.append("")
                current[-1] += json.loads(quoted)
        forms, translated = (*parts["msgid"], *parts["msgid_plural"]), (*parts["msgstr"],)
        is_whole = any(forms) and len(translated) == len(forms) and all(translated)
        if is_whole and "fuzzy" not in flags:
            found.append(Text(forms, translated, tuple(places), said))
    return found


@cache
def texts(language: str) -> tuple[Text, ...]:
    """Return what is translated into a language; nothing for English."""
    if language == ENGLISH:
        return ()
    return tuple(read_catalogue((TRANSLATIONS / f"{language}.po").read_text("utf-8")))


@cache
def _by_first_form(language: str) -> dict[str, Text]:
    return {text.forms[0]: text for text in texts(language)}


def language() -> str:
    """Return which language the browser of this request asks for, of those that there are."""
    if not has_request_context():
        return ENGLISH
    if "language" not in g:
        g.language = request.accept_languages.best_match(LANGUAGES, ENGLISH)
    return str(g.language)


def tell_caches(response: Response) -> Response:
    """Say that an answer depends on the language, where it does."""
    if "language" in g:
        response.vary.add("Accept-Language")
    return response


def translated(message: str, many: str | None = None, count: int = 1) -> str:
    """Return a text of the pages in the language of the request, with its places still open.

    Parameters
    ----------
    message
        In English; of one thing, where it counts some.
    many, count
        The text for several, and how many there are.
    """
    text = _by_first_form(language()).get(message)
    forms = (message, many or message) if text is None else text.translated
    return forms[0] if count == 1 or len(forms) == 1 else forms[1]


def gettext(message: str, /, **values: object) -> str:
    """Return a text in the language of the request.

    >>> gettext("Learned: %(name)s.", name="a song")
    'Learned: a song.'
    """
    return fill(translated(message), values)


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """Return a text that counts something; it says how many where it has ``%(num)s``.

    >>> ngettext("%(num)s song", "%(num)s songs", 2)
    '2 songs'
    """
    return fill(translated(one, many, count), {"num": count, **values})


def marked(message: str) -> str:
    """Return a text as it is: it is in the catalogue, and translated where it is shown."""
    return message


@lru_cache(maxsize=2000)
def _retold(sentence: str, language: str) -> str:
    whole = _matched(sentence, language)
    if whole is not None:
        return whole
    for end in _ENDS:
        parts = sentence.split(end)
        parts[:-1] = [part + end.rstrip("; ") for part in parts[:-1]]
        found = [_matched(part, language) for part in parts]
        if len(parts) > 1 and None not in found:
            return end.lstrip(".").join(map(str, found))
    return sentence


def _matched(sentence: str, language: str) -> str | None:
    for pattern, text in _patterns(language):
        if (match := pattern.fullmatch(sentence)) is not None:
            values = {name: _written(value, language) for name, value in match.groupdict().items()}
            return fill(text, values)
    return None


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what sentences of other parts look like, those that say most first."""
    found = []
    for text in texts(language):
        if not text.said:
            continue
        for form, translation in zip(text.forms, text.translated, strict=True):
            names: set[str] = set()
            pattern = ""
            for i, part in enumerate(PLACE.split(form)):
                if i % 2 == 0:
                    pattern += re.escape(part)
                elif part is None:
                    pattern += "%"
                else:
                    pattern += f"(?P={part})" if part in names else f"(?P<{part}>.+?)"
                    names.add(part)
            found.append((len(PLACE.sub("", form)), re.compile(pattern, re.DOTALL), translation))
    found.sort(key=lambda one: -one[0])
    return [(pattern, translation) for _, pattern, translation in found]


def retold(sentence: str | None) -> str:
    """Return a sentence that another part made, with `earmark.words.say`, as the page shows it.

    Those parts speak English, also to the command line and in JSON, and their sentences come
    through files and other processes; so the sentence itself is looked up, by its pattern.
    """
    return _retold(sentence, language()) if sentence else ""


def _written(text: str, language: str) -> str:
    if language == ENGLISH or _NUMBER.fullmatch(text) is None:
        return text
    text = text.translate(str.maketrans(",.", ".,"))
    return text.replace("%", "\N{NO-BREAK SPACE}%")


def number(text: str) -> str:
    """Return a number or share that was written in English as the language writes it."""
    return _written(text, language())


def moment(time: datetime.datetime) -> str:
    """Write a time in UTC, for those without scripts."""
    form = "%Y-%m-%d %H:%M UTC" if language() == ENGLISH else "%d.%m.%Y, %H:%M UTC"
    return time.astimezone(datetime.UTC).strftime(form)


# What scripts are told


@cache
def of_scripts(language: str) -> str:
    """Return the script that tells the others what their texts are called in a language."""
    found = {
        text.forms[0]: text.translated[0] if len(text.forms) == 1 else text.translated
        for text in texts(language)
        if any(place.startswith(SCRIPTS) for place in text.places)
    }
    # Plain letters only, so that nothing in it could end a line.
    return f"globalThis.earmarkTexts = {json.dumps(found, separators=(',', ':'))};\n"


@cache
def version(language: str) -> str:
    """Return what changes with these texts."""
    return hashlib.sha256(of_scripts(language).encode()).hexdigest()[:12]


# In templates


def _filled(context: EvalContext, text: str, values: dict[str, object]) -> str:
    if not context.autoescape:
        return fill(text, values)
    # What templates put into a text is as foreign as what stands beside it.
    clean = {name: Markup.escape(in_page(value)) for name, value in values.items()}
    return Markup(fill(text, clean))  # noqa: S704 - the text is ours, its values are escaped


@pass_eval_context
def _gettext(context: EvalContext, message: str, /, **values: object) -> str:
    return _filled(context, translated(message), values)


@pass_eval_context
def _ngettext(context: EvalContext, one: str, many: str, count: int, /, **values: object) -> str:
    return _filled(context, translated(one, many, count), {"num": count, **values})


def register(app: APIFlask) -> None:
    """Let the templates of ``app`` speak the language of each request."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.newstyle_gettext = True  # type: ignore[attr-defined]
    names: dict[str, Any] = {"_": _gettext, "gettext": _gettext, "ngettext": _ngettext}
    app.jinja_env.globals.update(names, language=language)
    app.template_filter("retold")(retold)
    app.template_filter("number")(number)
    app.template_filter("moment")(moment)
    app.after_request(tell_caches)
