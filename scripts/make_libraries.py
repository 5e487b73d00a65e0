"""Make the three libraries of the package from the GTZAN clips and recordings by other artists.

    make libraries
    python scripts/make_libraries.py ../shared/data
    python scripts/make_libraries.py ../shared/data --into FOLDER
    python scripts/make_libraries.py --update

With ``--update`` the libraries that are there are brought to the present format of the file and
their votes are fitted anew; their vectors stay as they are. They are kept in that format since they
are opened often and never for writing: an older one would be brought up to date in memory each
time.

Those of GTZAN are built by ``earmark build`` from a manifest of the clips that lie in ``gtzan/``,
then packed: paths are dropped, since nobody else has the files there, and vectors keep as few bits
as do not change an answer. The same clips give the same files, bit for bit.

gtzan.earmark
    The learned features of every clip, full and excerpt, and of four segments of each, in half
    precision. Of an exact copy the
    second track is left out; where a copy stands under two genres (Queen's "Tie Your Mother Down"
    is metal.00058 and rock.00016), so is the one that Sturm's index calls mislabelled.
reference.earmark
    These, and of each genre at most fifteen recordings by other artists, whose embeddings lie in
    ``artists/``. So no genre is mostly of one other collection; each track says which collection it
    is from. docs/reference-library.md has what such a library is worth.
classic.earmark
    The classic features, in single precision, of the lossless clips where there are such, else of
    the full clips. It keeps copies: it is the recordings of the classic file that it must know.

Artists and titles are facts of Sturm's index of GTZAN ("The GTZAN dataset", 2013, arXiv:1306.1461).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.features import ExtractorSpec, Segments, get_extractor
from earmark.library import PACKAGED, Track, create_library, open_library
from earmark.library.fitting import refit
from earmark.listen import identify, listen
from new_artists import PIECES_OF_A_GENRE, read_new_artists

DATA = Path(__file__).resolve().parent.parent / "src" / "earmark" / "data"
MISLABELLED_COPIES = {"metal.00058"}
SOURCE = "GTZAN"


def read_index(gtzan: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the index of GTZAN's contents by track."""
    with (gtzan / "tracks.csv").open(newline="", encoding="utf-8") as file:
        return {row["track"]: row for row in csv.DictReader(file)}


def is_later_copy(row: dict[str, str]) -> bool:
    """Tell whether a track repeats one with a smaller name, or is the mislabelled one of two."""
    original = row["exact_duplicate_of"]
    if not original:
        return False
    if row["track"] in MISLABELLED_COPIES or original in MISLABELLED_COPIES:
        return row["track"] in MISLABELLED_COPIES
    return original < row["track"]


def write_manifest(clips: list[Path], index: dict[str, dict[str, str]], manifest: Path) -> None:
    """Write path, genre, artist and title of the clips."""
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "genre", "artist", "title"])
        for clip in clips:
            row = index[clip.stem]
            writer.writerow([clip.resolve(), row["genre"], row["artist"], row["title"]])


def build(clips: list[Path], index: dict[str, dict[str, str]], features: str, out: Path) -> None:
    """Build a library with the project's own command."""
    manifest = out.with_suffix(".csv")
    write_manifest(clips, index, manifest)
    command = [sys.executable, "-m", "earmark", "build", "--manifest", str(manifest)]
    subprocess.run([*command, "--features", features, "-o", str(out)], check=True)


def add_copies(clips: list[Path], index: dict[str, dict[str, str]], out: Path) -> None:
    """Add the clips that a build leaves out since they are copies of others."""
    extractor = get_extractor("mfcc")
    with open_library(out) as library:
        known = {track.name for track in library.tracks()}
        for clip in clips:
            if clip.stem in known:
                continue
            row, identity, heard = index[clip.stem], identify(clip), listen(clip, extractor)
            track = Track(
                name=clip.stem,
                genre=row["genre"],
                artist=row["artist"] or None,
                title=row["title"] or None,
                path=str(clip.resolve()),
                content_hash=identity.content_hash,
                audio_hash=identity.audio_hash,
                duration=heard.duration,
            )
            library.add([track], heard.vector[None])


def pack(built: Path, packed: Path, dtype: str) -> None:
    """Write a library again without paths, in ``dtype``, as one file that needs no journal."""
    with open_library(built, read_only=True) as source:
        snapshot = source.snapshot()
        spec = replace(source.spec, dtype=dtype)
        ids = snapshot.ids.tolist()
        held, parts = source.get_many(ids), source.segments(ids)
    tracks = [replace(held[track_id], id=None) for track_id in ids]
    write(tracks, np.asarray(snapshot.vectors), [parts.get(i) for i in ids], spec, packed)


def widen(narrow: Path, artists: Path, wide: Path) -> None:
    """Write a library of GTZAN's clips again with recordings of its genres by other artists."""
    new = read_new_artists(artists)
    with open_library(narrow, read_only=True) as library:
        snapshot, spec = library.snapshot(), library.spec
        ids = snapshot.ids.tolist()
        held, parts = library.get_many(ids), library.segments(ids)
    rows = new.choose(new.of_genres(snapshot.genre_names), PIECES_OF_A_GENRE)
    known = [replace(held[i], id=None, source=SOURCE) for i in ids]
    tracks = [*known, *(new.tracks[row] for row in rows)]
    segments = [*(parts.get(i) for i in ids), *(new.segments[row] for row in rows)]
    # As a snapshot has them.
    order = sorted(range(len(tracks)), key=lambda row: tracks[row].name)
    write(
        [tracks[row] for row in order],
        np.concatenate([snapshot.vectors, new.vectors[rows]])[order],
        [segments[row] for row in order],
        spec,
        wide,
    )


def write(
    tracks: list[Track],
    vectors: NDArray[np.floating],
    segments: list[Segments | None],
    spec: ExtractorSpec,
    packed: Path,
) -> None:
    """Write tracks with their vectors [n, d] and segments as a library of the package."""
    with (
        tempfile.TemporaryDirectory() as folder,
        create_library(Path(folder) / packed.name, spec) as library,
    ):
        library.add(tracks, vectors, segments=segments)
        refit(library)
        library.copy(packed, overwrite=True, packed=True)
    print(f"{packed}: {len(tracks)} tracks, {packed.stat().st_size:,} bytes")


def update(packed: Path) -> None:
    """Write a library of the package again, in the present format, the vote fitted anew."""
    with tempfile.TemporaryDirectory() as folder:
        loose = Path(folder) / packed.name
        shutil.copyfile(packed, loose)
        with open_library(loose) as library:
            refit(library)
            library.copy(packed, overwrite=True, packed=True)
    print(f"{packed}: {packed.stat().st_size:,} bytes")


def main() -> None:
    """Build and pack the libraries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "data", type=Path, nargs="?", help="the folder that holds gtzan/ and artists/"
    )
    parser.add_argument("--update", action="store_true", help="only bring them up to date")
    parser.add_argument("--only", choices=PACKAGED, help="make one; reference is made of gtzan")
    parser.add_argument("--into", type=Path, default=DATA, help="where they lie; default: here")
    arguments = parser.parse_args()
    packed = {name: arguments.into / f"{name}.earmark" for name in PACKAGED}
    wanted = [arguments.only] if arguments.only else PACKAGED
    if arguments.update:
        for name in wanted:
            update(packed[name])
        return
    if arguments.data is None:
        parser.error("name the folder that holds gtzan/ and artists/")
    gtzan = arguments.data / "gtzan"
    index = read_index(gtzan)
    full = {path.stem: path for path in sorted((gtzan / "full").glob("*/*.ogg"))}
    excerpts = {path.stem: path for path in sorted((gtzan / "excerpt").glob("*/*.ogg"))}
    lossless = {path.stem: path for path in sorted((gtzan / "lossless").glob("*.flac"))}
    with tempfile.TemporaryDirectory() as folder:
        if "gtzan" in wanted:
            clips = [
                p for name, p in {**excerpts, **full}.items() if not is_later_copy(index[name])
            ]
            out = Path(folder) / "gtzan.earmark"
            build(clips, index, "musicnn", out)
            pack(out, packed["gtzan"], "float16")
        if "classic" in wanted:
            out = Path(folder) / "classic.earmark"
            clips = list({**full, **lossless}.values())
            build(clips, index, "mfcc", out)
            add_copies(clips, index, out)
            pack(out, packed["classic"], "float32")
    if "reference" in wanted:
        widen(packed["gtzan"], arguments.data / "artists", packed["reference"])


if __name__ == "__main__":
    main()
