"""Finds a source's files: below the landing folder, at an absolute path or in an object store."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from millibar.sources.definition import Source

DATE_FIELD = re.compile(r"\{date(?::([^}]*))?\}")
DEFAULT_DATE = "%Y-%m-%d"
DIRECTIVES = {
    "%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}", "%y": r"\d{2}", "%j": r"\d{3}", "%H": r"\d{2}", "%M": r"\d{2}",
    "%S": r"\d{2}", "%b": "[A-Za-z]+", "%B": "[A-Za-z]+", "%%": "%",
}  # fmt: skip
HASH_BLOCK = 1 << 20


@dataclass(frozen=True)
class LandedFile:
    """One file of a source: its label (path below landing where it is there), its day, its state on disk."""

    label: str
    delivered_on: date
    size: int
    stamp: str  # changes whenever the contents may have changed
    location: Any  # pathlib.Path, or Airflow's ObjectStoragePath

    @property
    def name(self) -> str:
        return str(self.location.name)

    def open(self) -> BinaryIO:
        return cast(BinaryIO, self.location.open("rb"))

    def digest(self) -> str:
        """Hash of the contents, read in blocks."""
        state = hashlib.blake2b(digest_size=16)
        with self.open() as stream:
            while block := stream.read(HASH_BLOCK):
                state.update(block)
        return state.hexdigest()


def find_files(source: Source, landing: Path, as_of: date | None) -> list[LandedFile]:
    """Files of the source delivered on or before ``as_of`` (None: all), in order of day and name.

    A path without ``{date}`` gives files delivered on ``as_of``; a name whose date does not exist (2025-02-31) is
    no file of the source.
    """
    pattern = DATE_FIELD.search(source.path)
    found: list[LandedFile] = []
    for label, location in _matches(source, landing):
        day = as_of or date.today()
        if pattern:
            read = _date_of(label, source.path, pattern.group(1) or DEFAULT_DATE)
            if read is None or (as_of and read > as_of):
                continue
            day = read
        found.append(_landed(label, day, location))
    return sorted(found, key=lambda file: (file.delivered_on, file.label))


def _landed(label: str, day: date, location: Any) -> LandedFile:
    if isinstance(location, Path):
        state = location.stat()
        # ctime, not mtime: it also moves when a copy keeps the old mtime
        return LandedFile(label, day, state.st_size, f"{state.st_size}:{state.st_ctime_ns}", location)
    info = location.fs.info(location.path)
    stamp = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or info.get("updated")
    return LandedFile(label, day, int(info["size"]), f"{info['size']}:{stamp}", location)


def _matches(source: Source, landing: Path) -> Iterator[tuple[str, Any]]:
    path = DATE_FIELD.sub("*", source.path)
    if "://" in path:
        yield from _object_matches(path, source.connection)
        return
    absolute = Path(path).is_absolute()
    root = path if absolute else f"{glob.escape(str(landing))}/{path}"
    for match in glob.iglob(root, recursive=True):
        found = Path(match)
        if found.is_file():
            yield (found.as_posix() if absolute else found.relative_to(landing).as_posix()), found


def _object_matches(path: str, connection: str | None) -> Iterator[tuple[str, Any]]:
    from airflow.sdk import ObjectStoragePath  # seconds to import: only where an object store is named

    scheme, rest = path.split("://", 1)
    parts = rest.split("/")
    fixed = next((place for place, part in enumerate(parts) if any(mark in part for mark in "*?[")), len(parts) - 1)
    fixed = max(1, fixed) if scheme != "file" else fixed
    root = ObjectStoragePath(f"{scheme}://{'/'.join(parts[:fixed])}/", conn_id=connection)
    for match in root.glob("/".join(parts[fixed:])):
        if match.is_file():
            yield f"{scheme}://{match.path.removeprefix('//')}", match


def _date_of(label: str, path: str, pattern: str) -> date | None:
    """The date in a file's label, read by the place of ``{date}`` in the source's path."""
    before, after = DATE_FIELD.split(path)[0], DATE_FIELD.split(path)[-1]
    expression = f"{_wild(before)}({_dated(pattern)}){_wild(after)}"
    match = re.fullmatch(expression, label, re.DOTALL)
    if match is None:
        return None
    try:
        return datetime.strptime(match.group(1), pattern).date()
    except ValueError:
        return None


def _dated(pattern: str) -> str:
    pieces = re.split(r"(%.)", pattern)
    return "".join(DIRECTIVES.get(piece, re.escape(piece)) for piece in pieces)


def _wild(path: str) -> str:
    """A glob as a regular expression; ``**/`` spans folders, ``*`` does not."""
    pieces = re.split(r"(\*\*/|\*|\?|\[[^\]]+\])", path)
    wild = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(wild.get(piece, piece if piece.startswith("[") else re.escape(piece)) for piece in pieces)
