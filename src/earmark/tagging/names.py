"""What a stored genre means: several in one text, numbers of ID3v1, and how lists are joined.

Texts only; no file is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from earmark.errors import TagError
from earmark.words import is_one_line

MOST_GENRES = 50
"""Genres of a file that are read or written."""

SIGNS = ("/", ";", " / ", "; ")
"""What may join several genres where a container holds one text only."""

# Genres of Discogs, iTunes and ID3v1 with a sign in them that elsewhere stands between two genres.
WHOLE = frozenset(
    ("funk / soul", "pop/funk", "folk/rock", "r&b/soul", "hip-hop/rap", "singer/songwriter")
)

_ID3V1 = """
Blues;Classic Rock;Country;Dance;Disco;Funk;Grunge;Hip-Hop;Jazz;Metal;New Age;Oldies;Other;
Pop;R&B;Rap;Reggae;Rock;Techno;Industrial;Alternative;Ska;Death Metal;Pranks;Soundtrack;
Euro-Techno;Ambient;Trip-Hop;Vocal;Jazz+Funk;Fusion;Trance;Classical;Instrumental;Acid;
House;Game;Sound Clip;Gospel;Noise;Alternative Rock;Bass;Soul;Punk;Space;Meditative;
Instrumental Pop;Instrumental Rock;Ethnic;Gothic;Darkwave;Techno-Industrial;Electronic;
Pop-Folk;Eurodance;Dream;Southern Rock;Comedy;Cult;Gangsta Rap;Top 40;Christian Rap;
Pop/Funk;Jungle;Native American;Cabaret;New Wave;Psychedelic;Rave;Showtunes;Trailer;Lo-Fi;
Tribal;Acid Punk;Acid Jazz;Polka;Retro;Musical;Rock & Roll;Hard Rock;Folk;Folk-Rock;
National Folk;Swing;Fast-Fusion;Bebop;Latin;Revival;Celtic;Bluegrass;Avantgarde;
Gothic Rock;Progressive Rock;Psychedelic Rock;Symphonic Rock;Slow Rock;Big Band;Chorus;
Easy Listening;Acoustic;Humour;Speech;Chanson;Opera;Chamber Music;Sonata;Symphony;
Booty Bass;Primus;Porn Groove;Satire;Slow Jam;Club;Tango;Samba;Folklore;Ballad;
Power Ballad;Rhythmic Soul;Freestyle;Duet;Punk Rock;Drum Solo;A Cappella;Euro-House;
Dance Hall;Goa;Drum & Bass;Club-House;Hardcore;Terror;Indie;BritPop;Afro-Punk;Polsk Punk;
Beat;Christian Gangsta Rap;Heavy Metal;Black Metal;Crossover;Contemporary Christian;
Christian Rock;Merengue;Salsa;Thrash Metal;Anime;JPop;Synthpop;Abstract;Art Rock;Baroque;
Bhangra;Big Beat;Breakbeat;Chillout;Downtempo;Dub;EBM;Eclectic;Electro;Electroclash;Emo;
Experimental;Garage;Global;IDM;Illbient;Industro-Goth;Jam Band;Krautrock;Leftfield;Lounge;
Math Rock;New Romantic;Nu-Breakz;Post-Punk;Post-Rock;Psytrance;Shoegaze;Space Rock;
Trop Rock;World Music;Neoclassical;Audiobook;Audio Theatre;Neue Deutsche Welle;Podcast;
Indie Rock;G-Funk;Dubstep;Garage Rock;Psybient
"""

ID3V1 = tuple(name.strip() for name in _ID3V1.split(";"))
"""The genres that ID3v1 and MP4's ``gnre`` know by number, with Winamp's additions [192]."""

NO_ID3V1 = 255
"""The number of ID3v1 for a genre that it does not know."""

_NUMBERS = {name.casefold(): number for number, name in enumerate(ID3V1)}
_REFERENCE = re.compile(r"\((\d{1,3}|RX|CR)\)")
_WORDS = {"RX": "Remix", "CR": "Cover"}


def id3v1_number(genre: str) -> int:
    """Return the number of ID3v1 for a genre; ``NO_ID3V1`` where it has none."""
    return _NUMBERS.get(genre.casefold(), NO_ID3V1)


def genre_names(
    stored: Sequence[str], *, id3: bool = False, known: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the genres that the texts of a file mean, each once, in their order.

    A single text may hold several: parted by NUL, by ``;``, by ``" / "`` or, in ID3, by ``/``, the
    first of these that is there. Several texts are a list already, and are taken as they are.
    Numbers mean the genres of ID3v1, also in parentheses before a text that refines them.

    Parameters
    ----------
    stored
        The texts, as the container has them.
    id3
        Whether it is an ID3 tag: there ``((`` stands for a parenthesis, and ``/`` may part genres.
    known
        Names that are one genre although they hold such a sign, in any casing.

    >>> genre_names(["(17)(18)Eurodisco"], id3=True)
    ('Rock', 'Techno', 'Eurodisco')
    >>> genre_names(["Folk, World, & Country; 35"])
    ('Folk, World, & Country', 'House')
    >>> genre_names(["Pop/Rock"], id3=True), genre_names(["Pop/Rock"], id3=True, known=["pop/rock"])
    (('Pop', 'Rock'), ('Pop/Rock',))
    """
    texts = [part for text in stored for part in text.split("\0")]
    whole = WHOLE | {name.casefold() for name in known}
    filled = [text for text in texts if text.strip()]
    if len(filled) == 1:
        filled = _parts(filled[0], id3=id3, whole=whole)
    names: dict[str, None] = {}
    for text in filled:
        for name in _meant(text.strip(), id3=id3):
            names[name] = None
    return tuple(names)[:MOST_GENRES]


def _parts(text: str, *, id3: bool, whole: Collection[str]) -> list[str]:
    """Part a text at the strongest sign in it; names that hold a weaker one stay whole."""
    for sign in (";", " / ", "/") if id3 else (";", " / "):
        if sign not in text:
            continue
        if text.strip().casefold() in whole:
            return [text]
        parts = [part for part in text.split(sign) if part.strip()]
        return parts or [text]
    return [text]


def _meant(text: str, *, id3: bool) -> Iterable[str]:
    if text.isdecimal() and text.isascii() and len(text) <= 3:
        if int(text) < len(ID3V1):
            yield ID3V1[int(text)]
        elif int(text) > NO_ID3V1:
            yield text
        # What is between has no name: a number that means nothing is no genre.
        return
    if id3 and text in _WORDS:
        yield _WORDS[text]
        return
    while match := _REFERENCE.match(text):
        reference = match[1]
        if reference in _WORDS:
            yield _WORDS[reference]
        elif int(reference) < len(ID3V1):
            yield ID3V1[int(reference)]
        text = text[match.end() :].strip()
    if id3 and text.startswith("(("):
        text = text[1:]
    if text:
        yield text


def joined(genres: Sequence[str], sign: str) -> str:
    """Return genres as the one text that ID3v2.3 and LIST/INFO have room for.

    Parameters
    ----------
    genres
        At least one.
    sign
        One of ``SIGNS``.

    Raises
    ------
    TagError
        One of several genres holds such a sign itself, so that nobody could part them again.

    >>> joined(["(Nu) Jazz", "Soul"], "/")
    '((Nu) Jazz/Soul'
    """
    # A parenthesis at the start would be read as the number of a genre.
    text = sign.join(f"({genre}" if genre.startswith("(") else genre for genre in genres)
    if len(genres) > 1 and genre_names([text], id3=True) != tuple(genres):
        raise TagError(
            f"{' and '.join(map(repr, genres))} cannot be told apart when they are joined by "
            f"{sign!r}; choose another sign with --id3v23"
        )
    return text


def require_genres(genres: Sequence[str]) -> None:
    """Refuse what no file should get as its genres.

    Raises
    ------
    TagError
        There are none or too many, one is empty, is there twice, is more than a line, or is a
        number, which players take for another genre.
    """
    if not 1 <= len(genres) <= MOST_GENRES:
        raise TagError(f"{len(genres)} genres for a file; from 1 to {MOST_GENRES} can be written")
    if len(set(genres)) != len(genres):
        raise TagError("the same genre twice; name each once")
    for genre in genres:
        if not is_one_line(genre):
            raise TagError(f"{genre!r} is no genre; one line of up to 200 characters is needed")
        if genre.isdecimal() and int(genre) <= NO_ID3V1:
            raise TagError(f"{genre!r} is a number, which players read as another genre")
