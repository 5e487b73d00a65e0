"""Draw the sketches of the pages for the documentation.

    python scripts/make_sketches.py

Each page is one picture in ``docs/design/``, with its states side by side: boxes and words that say
what stands where. They have no background, and colors that can be read on light and on dark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

DESIGN = Path(__file__).resolve().parent.parent / "docs" / "design"

GRAY = "#7a7a7a"
EMBER = "#c4511e"
EDGE = 12
LINE = 15

DESKTOP = 270
PHONE = 160


class Sheet:
    """What is drawn from top to bottom of one screen.

    Parameters
    ----------
    left, width
        Where it stands.
    top
        Where it begins.
    """

    def __init__(self, left: float, width: float, top: float) -> None:
        self.left, self.width, self.y = left, width, top
        self.parts: list[str] = []

    def write(
        self, text: str, *, size: int = 10, color: str = GRAY, x: float | None = None
    ) -> None:
        """Write at the present height."""
        at = self.left if x is None else x
        fill = "" if color == GRAY else f' style="fill:{color}"'
        big = "" if size == 10 else f' style="font-size:{size}px"'
        self.parts.append(f'<text x="{at:g}" y="{self.y:g}"{fill}{big}>{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, more: str = "") -> None:
        """Draw a box."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3"{more}/>'
        )


@dataclass(frozen=True)
class Title:
    """A line in large letters."""

    text: str

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        sheet.y += 18
        sheet.write(self.text, size=15)
        sheet.y += 6


@dataclass(frozen=True)
class Words:
    """Lines of text."""

    lines: tuple[str, ...]
    color: str = GRAY

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        for line in self.lines:
            sheet.y += LINE - 2
            sheet.write(line, color=self.color)
        sheet.y += 4


@dataclass(frozen=True)
class Buttons:
    """Buttons in a row; the first is the one that most people want."""

    labels: tuple[str, ...]

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        x = sheet.left
        sheet.y += 6
        for number, label in enumerate(self.labels):
            width = 5.6 * len(label) + 14
            if x > sheet.left and x + width > sheet.left + sheet.width:
                x, sheet.y = sheet.left, sheet.y + 22
            sheet.box(x, sheet.y, width, 18, ' class="e"' if number == 0 else "")
            sheet.parts.append(f'<text x="{x + 7:g}" y="{sheet.y + 12.5:g}">{escape(label)}</text>')
            x += width + 6
        sheet.y += 24


@dataclass(frozen=True)
class Bar:
    """A bar that is filled in part, with a word before it."""

    share: float
    label: str = ""

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        sheet.y += LINE
        sheet.write(self.label)
        x = sheet.left + (64 if self.label else 0)
        width = sheet.left + sheet.width - x
        sheet.box(x, sheet.y - 7, width, 7)
        sheet.box(x, sheet.y - 7, width * self.share, 7, ' class="f"')
        sheet.y += 4


@dataclass(frozen=True)
class Wave:
    """A waveform; in color where its parts have genres."""

    colored: bool = False

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        sheet.y += 24
        step, heights = 5, (4, 9, 14, 7, 12, 17, 8, 11, 5, 15, 10, 6)
        count = int(sheet.width // step)
        path = "".join(
            f"M{sheet.left + step * n + 1:g} {sheet.y - heights[n % 12]:g}v{2 * heights[n % 12]}"
            for n in range(count)
        )
        color = ' class="e"' if self.colored else ""
        sheet.parts.append(f'<path d="{path}"{color}/>')
        sheet.y += 22


@dataclass(frozen=True)
class Row:
    """Cells of a table, with a line below."""

    cells: tuple[str, ...]
    color: str = GRAY

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        sheet.y += LINE
        for number, cell in enumerate(self.cells):
            # The first cell is a name, which takes most.
            first = 0.42 if len(self.cells) > 2 else 0.6
            share = first + (number - 1) * (1 - first) / max(1, len(self.cells) - 1)
            x = sheet.left + (sheet.width * share if number else 0)
            sheet.write(cell, x=x, color=self.color)
        sheet.y += 5
        sheet.parts.append(f'<path d="M{sheet.left:g} {sheet.y:g}h{sheet.width:g}" opacity=".5"/>')


@dataclass(frozen=True)
class Dots:
    """A plane of points, with words on it."""

    words: tuple[str, ...]
    lines: bool = False

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        height, top = 120, sheet.y + 6
        sheet.box(sheet.left, top, sheet.width, height)
        places = [
            (
                sheet.left + (n * 67 % 97) / 97 * (sheet.width - 16) + 8,
                top + (n * 41 % 89) / 89 * 100 + 10,
            )
            for n in range(28)
        ]
        dots = "".join(f"M{x:.0f} {y:.0f}v0" for x, y in places)
        sheet.parts.append(f'<path d="{dots}" style="stroke-width:4"/>')
        if self.lines:
            x, y = places[9]
            spokes = "".join(f"M{x:.0f} {y:.0f}L{a:.0f} {b:.0f}" for a, b in places[10:15])
            sheet.parts.append(f'<path d="{spokes}" class="e"/>')
        for number, word in enumerate(self.words):
            sheet.parts.append(
                f'<text x="{sheet.left + 14 + number * sheet.width / 3.2:g}" '
                f'y="{top + 34 + number * 32:g}" style="font-size:12px">{escape(word)}</text>'
            )
        sheet.y = top + height + 4


@dataclass(frozen=True)
class Card:
    """Parts in a box of their own."""

    parts: tuple[Part, ...]
    dashed: bool = False

    def draw(self, sheet: Sheet) -> None:
        """Draw it at the present height."""
        top = sheet.y + 6
        inner = Sheet(sheet.left + 8, sheet.width - 16, top + 2)
        for part in self.parts:
            part.draw(inner)
        sheet.box(
            sheet.left,
            top,
            sheet.width,
            inner.y + 6 - top,
            ' stroke-dasharray="5 3"' if self.dashed else "",
        )
        sheet.parts += inner.parts
        sheet.y = inner.y + 10


Part = Title | Words | Buttons | Bar | Wave | Row | Dots | Card


@dataclass(frozen=True)
class State:
    """One state of a page."""

    name: str
    parts: tuple[Part, ...]
    width: int = DESKTOP


def draw(name: str, states: Iterable[State]) -> str:
    """Return the picture of a page: its states from left to right."""
    drawn: list[str] = []
    x, tallest = 1.0, 0.0
    for state in states:
        sheet = Sheet(x + EDGE, state.width - 2 * EDGE, 26)
        for part in state.parts:
            part.draw(sheet)
        drawn.append(f'<text x="{x:g}" y="12" style="font-weight:700">{escape(state.name)}</text>')
        drawn.append(
            f'<rect x="{x:g}" y="20" width="{state.width}" height="{sheet.y - 10:g}" rx="8" '
            'style="stroke-width:1.5"/>'
        )
        drawn += sheet.parts
        x += state.width + 18
        tallest = max(tallest, sheet.y + 12)
    inside = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x - 16:g} {tallest:g}" '
        f'width="{x - 16:g}" role="img">\n<title>{escape(name)}</title>\n'
        f"<style>rect,path{{fill:none;stroke:{GRAY}}}text{{fill:{GRAY};"
        f"font:10px system-ui,sans-serif}}path{{stroke-linecap:round}}.e{{stroke:{EMBER}}}"
        f".f{{fill:{EMBER};stroke:none}}</style>\n"
        f"{inside}\n</svg>\n"
    )


def words(*lines: str) -> Words:
    """Return lines of text."""
    return Words(lines)


def buttons(*labels: str) -> Buttons:
    """Return buttons in a row."""
    return Buttons(labels)


def row(*cells: str) -> Row:
    """Return cells of a table."""
    return Row(cells)


def card(*parts: Part) -> Card:
    """Return parts in a box."""
    return Card(parts)


NAVIGATION = words("Earmark    Listen Library Map Playlist …")
NEAR = (
    words("Because it sounds like"),
    row("▶ Paint It Black", "rock", "near 0.16"),
    row("▶ Gimme Shelter", "rock", "near 0.19"),
    words("26 of 29 are rock, 3 pop"),
)
SMALL_DROP = Card((words("Drop songs here, or"), buttons("Choose files", "Record")), dashed=True)
TEACH = (words("Is that right?"), buttons("Right, it is rock", "No, it is …"))
STAGES = words("✓ Sent  ● Heard  ○ Compared  ○ Voted")

LISTEN = (
    State(
        "Untouched",
        (
            NAVIGATION,
            Title("What does this song"),
            Title("sound like?"),
            words("What Earmark does, in one sentence."),
            buttons("Drop in the song you want to classify!"),
            Card(
                (
                    words("Drop songs here, or paste them, or"),
                    buttons("Choose files", "Choose a folder", "Record", "Predict"),
                    words(
                        "Which kinds of files, how large",
                        "No song at hand? strings · guitars · beat",
                    ),
                ),
                dashed=True,
            ),
            words("How it decides: four short steps"),
        ),
    ),
    State(
        "Listening",
        (
            NAVIGATION,
            SMALL_DROP,
            card(
                words("song.mp3"),
                Title("Listening…"),
                STAGES,
                Bar(0.4),
                buttons("Cancel"),
                words("What each part sounds like"),
                Wave(),
            ),
        ),
    ),
    State(
        "Answer",
        (
            NAVIGATION,
            SMALL_DROP,
            card(
                words("Song by Artist 3:12"),
                Title("Classified as rock."),
                words("87% sure."),
                Bar(0.87, "rock"),
                Bar(0.1, "pop"),
                words("More like this · JSON · link · picture"),
                Wave(colored=True),
                *NEAR,
                *TEACH,
            ),
        ),
    ),
    State(
        "Not sure",
        (
            NAVIGATION,
            SMALL_DROP,
            card(
                words("song.mp3 3:12"),
                Title("Not sure: the neighbors"),
                Title("do not agree."),
                words(
                    "The best guess is pop.",
                    "41% sure. pop or disco: 90% of such",
                    "lists hold the right genre.",
                ),
                Bar(0.41, "pop"),
                Bar(0.33, "disco"),
                words("… as in an answer"),
            ),
        ),
    ),
    State(
        "Refused",
        (
            NAVIGATION,
            SMALL_DROP,
            Words(
                ("song.txt: is not sound. Choose …", "which file, what is wrong, what to do"), EMBER
            ),
            words("How it decides: four short steps"),
        ),
    ),
    State(
        "Microphone",
        (
            NAVIGATION,
            Card(
                (words("Drop songs here, or"), buttons("Stop, 0:09", "Choose files")), dashed=True
            ),
            card(
                words("Recording 17:18", "It stops when four answers agree."),
                Title("Classified as metal."),
                words("97% sure."),
                Bar(0.97, "metal"),
                *NEAR,
                words("Nothing in it can be pressed yet."),
            ),
        ),
    ),
)

PHONE_STATES = (
    State(
        "Untouched",
        (
            words("Earmark", "Listen  Library  Map  …"),
            Title("What does this"),
            Title("song sound like?"),
            buttons("Drop in the song …"),
            Card((buttons("Choose files", "Record", "Predict"),), dashed=True),
        ),
        PHONE,
    ),
    State(
        "Listening",
        (
            words("Earmark", "Listen  Library  Map  …"),
            Card((buttons("Choose files", "Record"),), dashed=True),
            card(
                words("song.mp3"), Title("Listening…"), words("✓ Sent  ● Heard"), Bar(0.4), Wave()
            ),
        ),
        PHONE,
    ),
    State(
        "Answer",
        (
            words("Earmark", "Listen  Library  Map  …"),
            card(
                Title("Classified as"),
                Title("rock."),
                Bar(0.87, "rock"),
                Wave(colored=True),
                words("▶ Paint It Black", "   rock  near 0.16"),
                buttons("Right, it is rock"),
            ),
        ),
        PHONE,
    ),
    State(
        "Many songs",
        (
            words("200 songs"),
            Bar(0.6, "120 of 200"),
            row("☐ one.mp3", "rock"),
            row("☐ two.mp3", "not sure"),
            row("☐ three.txt", "no sound"),
        ),
        PHONE,
    ),
    State(
        "Map",
        (
            Title("Map"),
            Dots(("rock", "jazz")),
            words("Up and down moves the page,", "two fingers zoom the map."),
            card(words("▶ So What", "Miles Davis, jazz")),
        ),
        PHONE,
    ),
    State(
        "Playlist",
        (
            Title("Playlist"),
            buttons("Make the list"),
            row("▶ So What", "9:22"),
            row("▶ Naima", "4:24"),
            card(words("❚❚ So What  1:03 ———")),
        ),
        PHONE,
    ),
)

HEAD_OF_TABLE = row("☐ File", "Genre", "Sure", "")
MANY = (
    State(
        "Running",
        (
            NAVIGATION,
            SMALL_DROP,
            card(
                Title("200 songs"),
                Bar(0.6, "120 of 200"),
                words("about 2 minutes left"),
                buttons("Pause", "Cancel", "Clear"),
                words("All · rock 40 · jazz 31 · not sure 9"),
                HEAD_OF_TABLE,
                row("☐ one.mp3", "rock", "87%", "Why?"),
                row("☐ two.mp3", "not sure", "41%", "Why?"),
                Row(("☐ notes.txt", "no sound"), EMBER),
                row("☐ four.mp3", "waiting"),
            ),
        ),
    ),
    State(
        "Done, rows chosen",
        (
            NAVIGATION,
            card(
                Title("200 songs"),
                words("191 answered, 9 cannot be used"),
                words("With 12 songs chosen:"),
                buttons("Teach …", "CSV", "JSON", "Playlists"),
                words("All · rock 80 · jazz 61 · failed 9"),
                HEAD_OF_TABLE,
                row("☑ one.mp3", "rock", "87%", "Why?"),
                row("☑ two.mp3", "not sure", "41%", "Why?"),
                words("Keys: j k x o p r n"),
            ),
        ),
    ),
    State(
        "Row open",
        (
            NAVIGATION,
            card(
                HEAD_OF_TABLE,
                row("☐ one.mp3", "rock", "87%", "Close"),
                card(
                    Title("Classified as rock."),
                    Bar(0.87, "rock"),
                    Wave(colored=True),
                    *NEAR,
                    *TEACH,
                ),
                row("☐ two.mp3", "not sure", "41%", "Why?"),
            ),
        ),
    ),
    State(
        "Come back",
        (
            NAVIGATION,
            Title("What does this song"),
            Title("sound like?"),
            Card((words("Drop songs here, or"), buttons("Choose files", "Record")), dashed=True),
            card(
                words("The answers of 200 songs are kept", "in this browser."),
                buttons("Show them", "Forget them"),
            ),
        ),
    ),
)

LIBRARY = (
    State(
        "Library",
        (
            NAVIGATION,
            Title("Library"),
            words("738 tracks by 560 artists", "Corrections · Libraries"),
            words("blues 70 · classical 85 · country 85 …"),
            buttons("Show", "Search", "Artist", "Only"),
            words("☐ All on this page"),
            row("☐ ▶ So What", "jazz", "Remove"),
            row("☐ ▶ Naima", "jazz", "Remove"),
            words("Keys: j k x p n"),
        ),
    ),
    State(
        "Rows chosen",
        (
            NAVIGATION,
            Title("Library"),
            words("With 2 tracks chosen:"),
            buttons("Label", "genre …", "Remove"),
            row("☑ ▶ So What", "jazz", "Remove"),
            row("☑ ▶ Naima", "jazz", "Remove"),
            card(words("Remove 2 tracks from the library?"), buttons("Remove", "Keep it")),
        ),
    ),
    State(
        "Changed",
        (
            NAVIGATION,
            card(words("2 tracks are labelled cool jazz."), buttons("Undo")),
            Title("Library"),
            row("☐ ▶ So What", "cool jazz", "Remove"),
        ),
    ),
    State(
        "Nothing fits",
        (
            NAVIGATION,
            Title("Library"),
            buttons("Show", "Search"),
            words("Nothing here fits.", "Show everything"),
        ),
    ),
    State(
        "Libraries",
        (
            NAVIGATION,
            Title("Libraries"),
            card(words("reference   in use", "738 tracks of 10 genres"), buttons("Download")),
            card(words("Your own library"), buttons("Use", "Download", "Download all")),
        ),
    ),
)

MAP = (
    State(
        "Nothing chosen",
        (
            NAVIGATION,
            Title("Map"),
            Dots(("rock", "jazz", "hiphop")),
            words(
                "Find a track …",
                "Point at a track to see its name.",
                "Genres: ☑ rock ☑ jazz ☑ hiphop",
            ),
        ),
    ),
    State(
        "A track chosen",
        (
            NAVIGATION,
            Title("Map"),
            Dots(("rock", "jazz", "hiphop"), lines=True),
            card(
                words("▶ So What, Miles Davis, jazz", "its eight nearest tracks, by name"),
                buttons("Path from here", "More like this"),
            ),
        ),
    ),
    State(
        "A path",
        (
            NAVIGATION,
            Title("Map"),
            Dots(("rock", "jazz", "hiphop"), lines=True),
            card(
                words("12 songs from So What to …"), buttons("Play", "Change or save", "Take away")
            ),
        ),
    ),
)

PLAYLIST = (
    State(
        "To be made",
        (
            NAVIGATION,
            Title("Playlist"),
            words("● A playlist  ○ A path"),
            words("Find a song …"),
            row("So What", "Take out"),
            words("Genre · Word · Minutes · More rules"),
            buttons("Make the list"),
        ),
    ),
    State(
        "Made",
        (
            NAVIGATION,
            Title("12 songs, 58:04"),
            buttons("Play", "Show on the map"),
            row("▶ So What", "jazz", "9:22", "↑ ↓ ×"),
            row("▶ Naima", "jazz", "4:24", "↑ ↓ ×"),
            row("Blue 7", "not here", "9:56", "↑ ↓ ×"),
            words("Save it: name, M3U8 · XSPF · JSPF"),
            words("Cut to 30 minutes"),
        ),
    ),
    State(
        "It plays",
        (
            NAVIGATION,
            Title("12 songs, 58:04"),
            row("❚❚ So What", "jazz", "9:22"),
            row("▶ Naima", "jazz", "4:24"),
            card(words("◀ ❚❚ ▶  So What   1:03 of 9:22", "place, loudness, list of songs")),
        ),
    ),
    State(
        "Nothing fits",
        (
            NAVIGATION,
            Title("Playlist"),
            buttons("Make the list"),
            words("No song fits all of that. Ask for less."),
        ),
    ),
)

REPORT = (
    State(
        "Being computed",
        (
            NAVIGATION,
            Title("How good is it?"),
            card(
                words("Every track is being compared with", "the others. The figures appear here.")
            ),
            words("The library: what it holds"),
        ),
    ),
    State(
        "Done",
        (
            NAVIGATION,
            Title("How good is it?"),
            words("Believe it. No artist stands on both sides."),
            row("named rightly, with its range"),
            row("Genre by genre"),
            Bar(0.9, "classical"),
            Bar(0.7, "rock"),
            row("taken for", "rock", "pop"),
            row("rock", "52", "7"),
            row("pop", "5", "61"),
            words("Is “sure” right? · Worst mistakes"),
        ),
    ),
    State(
        "A cell open",
        (
            NAVIGATION,
            Title("rock, named pop"),
            row("▶ Song", "label rock", "pop, 71%"),
            row("▶ Another", "label rock", "pop, 54%"),
        ),
    ),
)

CORRECTIONS = (
    State(
        "Some",
        (
            NAVIGATION,
            Title("Corrections"),
            row("So What: pop, now jazz", "Undo"),
            row("song.mp3: added as rock", "undone"),
        ),
    ),
    State(
        "None yet",
        (
            NAVIGATION,
            Title("Corrections"),
            words("Nothing yet. Classify a song and say", "whether the answer is right."),
        ),
    ),
)

MUSIC = (
    State(
        "A folder",
        (
            NAVIGATION,
            Title("Your music"),
            words("All music / Miles Davis"),
            words("Kind of Blue   Bitches Brew"),
            row("▶ 01 So What.flac"),
            buttons("Classify all 212 songs"),
        ),
    ),
    State(
        "Running, or come back",
        (
            NAVIGATION,
            Title("Your music"),
            card(
                Title("212 songs"),
                Bar(0.4, "85 of 212"),
                buttons("Pause", "Cancel"),
                row("☐ So What.flac", "jazz", "95%", "Why?"),
                row("☐ Naima.flac", "waiting"),
            ),
        ),
    ),
    State(
        "Plan of tags",
        (
            NAVIGATION,
            card(
                words("Plan of tags: files without a genre"),
                row("So What.flac", "—", "jazz"),
                row("Naima.flac", "—", "jazz"),
                buttons("Save the plan"),
                words("No page changes a file."),
            ),
        ),
    ),
    State("Nothing there", (NAVIGATION, Title("Your music"), words("There are no songs here."))),
)

PAGES = {
    "listen": ("Listen", LISTEN),
    "many-songs": ("Listen, with many songs", MANY),
    "library": ("Library", LIBRARY),
    "map": ("Map", MAP),
    "playlist": ("Playlist", PLAYLIST),
    "report": ("How good is it?", REPORT),
    "corrections": ("Corrections", CORRECTIONS),
    "music": ("Music", MUSIC),
    "phone": ("On a phone", PHONE_STATES),
}


def main() -> None:
    """Write all pictures."""
    DESIGN.mkdir(exist_ok=True)
    for file, (name, states) in PAGES.items():
        (DESIGN / f"{file}.svg").write_text(draw(name, states), encoding="utf-8")


if __name__ == "__main__":
    main()
