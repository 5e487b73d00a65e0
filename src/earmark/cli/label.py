"""``earmark label``: a person says what songs are, those first that teach most."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from earmark.cli.common import console
from earmark.cli.player import Player
from earmark.cli.tracks import changed_library_option, library_to_change
from earmark.words import clock, is_one_line, json_text, one_line, percent, plural, shown

if TYPE_CHECKING:
    from earmark.labelling import Progress, Question, Session
    from earmark.library import Library

KEYS = "123456789"
"""Of the genres that are likeliest."""

TOLD_EVERY = 10
"""Labels after which the accuracy is told."""

_BAR = 30


@click.command(short_help="Label the songs that teach a library most.")
@changed_library_option
@click.option("--no-sound", is_flag=True, help="Do not play the songs.")
@click.option(
    "--suggest",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Only list the N songs to label first, and how far the labels lead.",
)
@click.option("--json", "as_json", is_flag=True, help="With --suggest: print a JSON object.")
def label(library_name: str | None, no_sound: bool, suggest: int | None, as_json: bool) -> None:
    """Ask what songs are, each time the one whose genre teaches the library most.

    It plays the 20 seconds of the song that are most like the whole of it. One key answers: a
    number for a genre, the likeliest first; n for a new one, s to skip, x for what is no music, p
    to play again, b to go back, q to end. Every answer is kept at once.

    \b
    earmark build ~/Music --no-labels -o my.earmark
    earmark label -l my.earmark
    """  # noqa: D301 (click looks for the character itself)
    if as_json and suggest is None:
        raise click.UsageError("--json goes with --suggest")
    from earmark.labelling import Session, progress_of

    with library_to_change(library_name) as library:
        session = Session(library)
        if suggest is not None:
            _suggest(session.questions(suggest), progress_of(library), as_json=as_json)
            return
        with Player(library.spec, silent=no_sound) as player:
            _ask_all(session, library, player)
        _tell(progress_of(library), session)


def _ask_all(session: Session, library: Library, player: Player) -> None:
    from earmark.labelling import progress_of

    out = console()
    told = session.labelled
    while (question := session.question()) is not None:
        _show(question, session)
        if (said := player.play(question.track)) is not None:
            out.print(f"  {shown(said)}", markup=False)
        try:
            goes_on = _take_answer(session, question, player)
        finally:
            player.stop()
        if not goes_on:
            return
        if session.labelled >= told + TOLD_EVERY:
            told = session.labelled
            _tell(progress_of(library), session)
    out.print("nothing is left to ask")


def _show(question: Question, session: Session) -> None:
    out = console()
    track = question.track
    known = " – ".join(part for part in (track.artist, track.title) if part)
    length = "" if track.duration is None else f", {clock(track.duration)}"
    out.print()
    out.print(shown(f"{known or track.name}{length}"), style="bold", markup=False)
    for key, guess in zip(KEYS, question.guesses, strict=False):
        # One genre alone has every vote, whatever the song is.
        share = f"  {percent(guess.share, 0)}" if len(question.guesses) > 1 else ""
        out.print(f"  {key}  {shown(guess.genre, 40)}{share}", markup=False)
    more = len(question.guesses) - len(KEYS)
    rest = f", and {more} more by n and the name" if more > 0 else ""
    out.print(
        f"  n new  s skip  x not music  p play  b back  q end{rest}; {session.left} songs are left",
        markup=False,
    )


def _take_answer(session: Session, question: Question, player: Player) -> bool:
    """Take one answer; False ends the session."""
    out = console()
    track = question.track
    while True:
        key = _key()
        if key in ("q", "", "\x04"):
            return False
        if key == "\x03":
            raise KeyboardInterrupt
        if key in KEYS and int(key) <= len(question.guesses):
            genre = question.guesses[int(key) - 1].genre
        elif key == "n":
            player.stop()
            name = one_line(click.prompt("  genre", default="", show_default=False, err=False))
            if not is_one_line(name):
                continue
            known = {guess.genre.casefold(): guess.genre for guess in question.guesses}
            genre = known.get(name.casefold(), name)
        elif key == "s":
            session.skip(track)
            return True
        elif key == "x":
            session.not_music(track)
            out.print("  not music")
            return True
        elif key == "p":
            player.play(track)
            continue
        elif key == "b":
            before = session.back()
            out.print(
                "  nothing to go back to"
                if before is None
                else f"  taken back: {shown(before.name)}",
                markup=False,
            )
            if before is None:
                continue
            return True
        else:
            continue
        session.answer(track, genre)
        out.print(f"  {shown(genre)}", markup=False)
        return True


def _key() -> str:
    """Return one key, without waiting for a line where there is a terminal."""
    if sys.stdin.isatty():
        return click.getchar()
    line = sys.stdin.readline()
    return line.strip()[:1] or " " if line else ""


def _tell(progress: Progress, session: Session) -> None:
    out = console()
    labels, genres = progress.labels, progress.genres
    out.print()
    out.print(
        f"{labels} {plural(labels, 'label')} of {genres} {plural(genres, 'genre')}; "
        f"{session.labelled} in this session"
    )
    if progress.accuracy is None or progress.interval is None:
        out.print("  how good they are can be told from 10 labels by more artists than genres on")
        return
    filled = round(_BAR * progress.accuracy)
    low, high = (percent(edge, 0) for edge in progress.interval)
    out.print(
        f"  {'█' * filled}{'░' * (_BAR - filled)} {percent(progress.accuracy, 0)} right, averaged "
        f"over genres, artists left out ({low} to {high})"
    )
    if progress.unsure is not None:
        out.print(f"  {progress.unsure} of {progress.unlabelled} songs would be 'not sure'")
    if not progress.pays and progress.with_half is not None:
        out.print(
            f"  half as many labels do nearly as well ({percent(progress.with_half, 0)}): more "
            "of them bring little"
        )


def _suggest(questions: list[Question], progress: Progress, *, as_json: bool) -> None:
    from earmark.importing.table import track_json

    if as_json:
        body = progress.to_json()
        body["ask"] = [
            {
                **track_json(question.track),
                "guesses": [
                    {"genre": guess.genre, "share": round(guess.share, 4)}
                    for guess in question.guesses
                    if not guess.genre.startswith("\0")
                ],
            }
            for question in questions
        ]
        click.echo(json_text(body, indent=1))
        return
    for question in questions:
        track = question.track
        known = " – ".join(part for part in (track.artist, track.title) if part)
        click.echo(shown(f"#{track.id}  {known or track.name}"))
