"""The texts of the pages: all are marked, all are in the catalogue, and all are translated."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

import earmark
from earmark.web import language
from support import scripts

SOURCE = Path(earmark.__file__).parent
TEMPLATES = sorted((SOURCE / "web" / "templates").glob("*.html"))
SCRIPTS = sorted((SOURCE / "web" / "static" / "js").glob("*.js"))
LANGUAGES = [name for name in language.LANGUAGES if name != language.ENGLISH]

NAMES = re.compile(r"\b(?:Earmark|UTC|MB|TOKEN|JSON)\b")
WORD = re.compile(r"[^\W\d_]{2,}")


def updater() -> Any:
    return scripts.load("update_texts")


@pytest.fixture(scope="module")
def texts() -> Any:
    """All texts, as they are in the code now."""
    return updater().template()


# The catalogues


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_catalogue_has_every_text_translated_and_no_other(name: str, texts: Any) -> None:
    update = updater()
    catalogue = update.updated(name, texts)
    remedy = "run scripts/update_texts.py, and fill in what is empty"
    assert update.problems(catalogue) == [], remedy
    written = (language.TRANSLATIONS / f"{name}.po").read_text("utf-8")
    assert written == update.written(name, catalogue), remedy


@pytest.mark.parametrize("name", LANGUAGES)
def test_it_is_read_as_other_programs_read_it(name: str) -> None:
    written = (language.TRANSLATIONS / f"{name}.po").read_bytes()
    catalogue = read_po(io.BytesIO(written), locale=name)
    # Of which numbers there are forms for one and for several, and no others.
    assert catalogue.plural_forms == "nplurals=2; plural=(n != 1);"
    expected = {
        (one.id if isinstance(one.id, tuple) else (one.id,)): (
            one.string if isinstance(one.string, tuple) else (one.string,)
        )
        for one in catalogue
        if one.id
    }
    assert {text.forms: text.translated for text in language.texts(name)} == expected


def entry(**parts: str) -> str:
    return "".join(f"{kind} {said}\n" for kind, said in parts.items())


def test_faults_of_a_catalogue_are_found() -> None:
    update = updater()

    def faults(text: str) -> list[str]:
        whole = update.HEADER % "de" + text
        return update.problems(read_po(io.BytesIO(whole.encode()), locale="de"))

    assert faults(entry(msgid='"a %(name)s"', msgstr='"ein %(name)s"')) == []
    assert "not translated" in faults(entry(msgid='"a song"', msgstr='""'))[0]
    assert "guessed" in faults("#, fuzzy\n" + entry(msgid='"a song"', msgstr='"ein Song"'))[0]
    assert "other values" in faults(entry(msgid='"a %(name)s"', msgstr='"ein %(names)s"'))[0]
    counted = 'msgid "one"\nmsgid_plural "%(num)s"\nmsgstr[0] "ein"\nmsgstr[1] ""\n'
    assert "not translated" in faults(counted)[0]


# The code

CALLS = {
    ".html": re.compile(r"(?<![\w.])(?:_|n?gettext)\(\s*[\"']|\{%-?\s*trans\b"),
    ".js": re.compile(r"(?<!\w)(?<!\w\.)(?:tn?|parts)\(\s*[\"`']"),
    ".py": re.compile(r"(?<![\w.])(?:gettext|ngettext|marked|say|say_many|translated)\(\s*[\"']"),
}


def test_every_text_that_is_marked_is_taken_out() -> None:
    # One within the values of another would be overlooked, for instance.
    taken: dict[str, int] = {}
    for place, _, _ in updater().found():
        taken[place] = taken.get(place, 0) + 1
    for path in [*TEMPLATES, *SCRIPTS, *SOURCE.rglob("*.py")]:
        place = path.relative_to(SOURCE.parents[1]).as_posix()
        source = path.read_text("utf-8")
        # What stands in examples of docstrings is no text.
        shown = re.sub(r"^ *>>> .*", "", source, flags=re.MULTILINE)
        assert len(CALLS[path.suffix].findall(shown)) == taken.get(place, 0), place


class BareTexts(HTMLParser):
    """Collects what people read of a page."""

    SPOKEN = ("alt", "aria-label", "placeholder", "title")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in ("code", "pre")
        values = dict(attrs)
        self.found += [value for name in self.SPOKEN if (value := values.get(name))]
        if values.get("name") == "description":
            self.found.append(values.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.found.append(data)


def is_said(text: str) -> bool:
    return WORD.search(NAMES.sub("", re.sub("<[^>]*>", "", text))) is not None


def strings(node: nodes.Node) -> Iterator[str]:
    """Yield what an expression may say."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr | nodes.Concat | nodes.Or | nodes.And | nodes.Filter):
        for child in node.iter_child_nodes(exclude=("args", "kwargs", "test")):
            yield from strings(child)


def bare_texts(source: str) -> list[str]:
    """Return the texts of a template that are not marked."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    found: list[str] = []
    page: list[str] = []

    def walk(node: nodes.Node) -> None:
        if isinstance(node, nodes.TemplateData):
            page.append(node.data)
        elif isinstance(node, nodes.Output):
            for child in node.nodes:
                if isinstance(child, nodes.TemplateData):
                    walk(child)
                else:
                    page.append("0")
                    found.extend(strings(child))
        else:
            if isinstance(node, nodes.Assign):
                found.extend(strings(node.node))
            for child in node.iter_child_nodes():
                walk(child)

    walk(environment.parse(source))
    parser = BareTexts()
    parser.feed("".join(page))
    parser.close()
    return [text.strip() for text in [*found, *parser.found] if is_said(text)]


def test_a_text_that_is_not_marked_is_found() -> None:
    assert (
        bare_texts("<p>{{ _('Some') }}</p>{% trans n=1 %}<b>{{ n }}</b> song{% endtrans %}") == []
    )
    assert bare_texts("<p>Some</p>") == ["Some"]
    assert bare_texts('<b aria-label="Play {{ name }}">1</b>') == ["Play 0"]
    assert bare_texts("{{ n }} {{ 'track' if n == 1 else 'tracks' }}") == ["track", "tracks"]
    assert bare_scripts('say(t("Two words")); make("p", { class: "two words" })') == []
    assert bare_scripts('say("Two words.")') == ["Two words."]
    assert bare_scripts("say(`${count} words too`)") == ["${count} words too"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_marked(path: Path) -> None:
    assert bare_texts(path.read_text("utf-8")) == []


TOKEN = re.compile(
    r"""
    //[^\n]* | /\*.*?\*/
    | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `(?:[^`\\]|\\.)*`
    | (?:(?<=[(,=:\[!&|?{};])|(?<=return))\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]])*\]|[^/\\\n])+/
    | [\w$]+ | \S
    """,
    re.DOTALL | re.VERBOSE,
)
VALUE = re.compile(r"\$\{((?:[^{}`]|\{[^{}`]*\})*)\}")
SENTENCE = re.compile(
    r"[^\W\d_]{2,}[,.:]? (?:\$|[^\W\d_])|\$[,.:]? [^\W\d_]{2,}|^[A-Z][a-z]+(?:…|, \$)?$|^ [^\W\d_]+"
)
ALLOWED = re.compile(
    r"(?:Arrow|Page)(?:Up|Down|Left|Right)|Home|End|Enter|Escape|Accept|Earmark|earmark \$.*"
    r"|no (?:canvas|picture)|the page has no .*|earmark tag .*|.* ms"
    r"|.*sans-serif|\d+px .*|(?:\.|input, ).*| unsure|button second|map-card .*"
)
"""Names of keys and headers, of the browser's own storage, of fonts and selectors; and errors that
nobody sees.
"""
NO_TEXT = frozenset(
    {"t", "tn", "parts", "querySelector", "querySelectorAll", "closest", "matches", "matchMedia"}
)
"""What takes a text that is marked, or none at all."""


def bare_scripts(source: str) -> list[str]:
    """Return what a script says in words that are not marked."""
    found = []
    calls: list[str] = []
    last = ("", "")
    for token in TOKEN.findall(source):
        if token.startswith(("//", "/*")):
            continue
        if token == "(":
            calls.append(last[1])
        elif token == ")" and calls:
            calls.pop()
        elif token[0] in "\"'`":
            is_class = last in (("class", ":"), ("kind", "="))
            is_marked = bool(calls) and calls[-1] in NO_TEXT
            inner = VALUE.findall(token) if token[0] == "`" else []
            said = VALUE.sub("$", token[1:-1])
            if not (is_class or is_marked or ALLOWED.fullmatch(said)) and SENTENCE.search(said):
                found.append(token[1:-1])
            for value in inner:
                found += bare_scripts(value)
        last = (last[1], token)
    return found


def test_no_page_flashes_a_text_that_is_not_marked() -> None:
    pages = SOURCE / "web" / "pages"
    bare = re.compile(r"flash(?:_undoable)?\(\s*f?[\"'][^\"']*[^\W\d_]")
    assert [path.name for path in pages.glob("*.py") if bare.search(path.read_text())] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_text_of_a_script_is_marked(path: Path) -> None:
    assert bare_scripts(path.read_text("utf-8")) == []
