"""A gallery on disk: one SQLite file that several processes may write, and that is whole whenever one is killed.

What is removed is overwritten, since a face's vector says whom it shows. Only its owner may read the file (mode 0600).
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError, first_line
from mfn.recognition.face_row import FaceRow, storable
from mfn.recognition.gallery_header import APPLICATION, FORMAT, check_header, claim

_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE face (
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
    vector BLOB NOT NULL,
    quality TEXT NOT NULL,
    source TEXT NOT NULL,
    content BLOB NOT NULL,
    crop BLOB,
    UNIQUE (person, content)
);
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody enrolled.

    Attributes:
        name: Of the person.
        images: How many faces.
    """

    name: str
    images: int


class GalleryFile:
    """The tables of a gallery.

    Args:
        path: The file.
        about: What a new one is made with; None opens only one that is there.

    Raises:
        DataError: It is missing, damaged, of a newer mfn, no gallery, or cannot be read.
    """

    def __init__(self, path: Path, about: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        if about is not None:
            claim(path)
        if not os.path.isfile(path):  # noqa: PTH113  says no to names that no file can have
            raise DataError(f"there is no gallery at {path}: `mfn enroll PHOTOS --gallery {path}` makes one")
        if about is None or path.stat().st_size:
            check_header(path)
        with self._telling():
            self._link = sqlite3.connect(
                path.absolute(), timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._link.execute("PRAGMA foreign_keys = ON")
            self._link.execute("PRAGMA secure_delete = ON")
            if about is not None:
                self._begin(about)

    def close(self) -> None:
        """Ends the work on the file."""
        self._link.close()

    def about(self) -> dict[str, Any]:
        """What the gallery was made with."""
        with self._telling():
            return {key: json.loads(value) for key, value in self._link.execute("SELECT key, value FROM about")}

    def set_about(self, about: Mapping[str, Any]) -> None:
        """Writes what the gallery is made with, within a block of `writing`."""
        rows = [(key, json.dumps(value)) for key, value in about.items()]
        self._link.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing; other processes that write wait."""
        with self._telling():
            self._link.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._link.execute("COMMIT")
            except BaseException:
                if self._link.in_transaction:
                    self._link.execute("ROLLBACK")
                raise

    def version(self) -> tuple[int, int]:
        """Another pair of numbers once anybody has changed the file."""
        with self._telling():
            return int(self._link.execute("PRAGMA data_version").fetchone()[0]), self._link.total_changes

    def people(self) -> list[Person]:
        """Everybody, by name."""
        asked = "SELECT name, count(face.id) FROM person LEFT JOIN face ON person = person.id GROUP BY person.id"
        with self._telling():
            return [Person(*row) for row in self._link.execute(f"{asked} ORDER BY name")]

    def vectors(self, dim: int) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
        """All vectors, float32 (N, D), whose each is, int64 (N,) as position in the names, and the names.

        Rows of one person follow one another.

        Raises:
            DataError: A vector is of another length, or not finite.
        """
        with self._telling():
            self._link.execute("BEGIN")  # names and vectors of one moment
            try:
                people = self._link.execute("SELECT id, name FROM person ORDER BY id").fetchall()
                rows = self._link.execute("SELECT person, vector FROM face ORDER BY person, id").fetchall()
            finally:
                self._link.execute("COMMIT")
        if any(not isinstance(vector, bytes) or len(vector) != 4 * dim for _, vector in rows):
            raise DataError(f"{self.path} is damaged: a face's vector is not {dim} numbers; take an older copy")
        ids = np.array([number for number, _ in people], np.int64)
        owner = np.searchsorted(ids, np.fromiter((person for person, _ in rows), np.int64, len(rows)))
        vectors = np.frombuffer(bytearray(b"".join(vector for _, vector in rows)), np.float32).reshape(-1, dim)
        if not np.isfinite(vectors).all():
            raise DataError(f"{self.path} is damaged: a face's vector is not finite; take an older copy")
        return vectors, owner, [name for _, name in people]

    def faces(self, name: str | None = None) -> Iterator[FaceRow]:
        """Everything known of all faces, or of one person's, by name and in the order in which they came."""
        asked = (
            "SELECT name, vector, quality, source, content, crop FROM face JOIN person ON person = person.id "
            "WHERE ?1 IS NULL OR name = ?1 ORDER BY name, face.id"
        )
        with self._telling():
            rows = self._link.execute(asked, (name,)).fetchall()
            for who, vector, quality, *others in rows:
                yield FaceRow(who, np.frombuffer(vector, np.float32), json.loads(quality), *others)

    def add(self, faces: Sequence[FaceRow]) -> int:
        """Adds faces, within a block of `writing`, and crops to those there without; returns how many faces are new."""
        before = self._link.total_changes
        people = dict.fromkeys(face.name for face in faces)
        self._link.executemany("INSERT OR IGNORE INTO person (name) VALUES (?)", [(name,) for name in people])
        made = self._link.total_changes - before
        self._link.executemany(
            "INSERT OR IGNORE INTO face (person, vector, quality, source, content, crop) "
            "SELECT id, ?, ?, ?, ?, ? FROM person WHERE name = ?",
            [
                (
                    *(np.ascontiguousarray(face.vector, np.float32).tobytes(), json.dumps(dict(face.quality))),
                    *(storable(face.source), face.content, face.crop, face.name),
                )
                for face in faces
            ],
        )
        added = self._link.total_changes - before - made
        self._link.executemany(
            "UPDATE face SET crop = ? WHERE crop IS NULL AND content = ? "
            "AND person = (SELECT id FROM person WHERE name = ?)",
            [(face.crop, face.content, face.name) for face in faces if face.crop is not None],
        )
        return added

    def hold(self, faces: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Whether faces are there already, each a name and a content."""
        asked = "SELECT 1 FROM face JOIN person ON person = person.id WHERE name = ? AND content = ?"
        with self._telling():
            return [self._link.execute(asked, face).fetchone() is not None for face in faces]

    def remove(self, name: str) -> int:
        """Removes a person, within a block of `writing`; returns how many faces that were.

        Raises:
            DataError: Nobody of that name is there.
        """
        number = self._number(name)
        gone = self._link.execute("DELETE FROM face WHERE person = ?", (number,)).rowcount
        self._link.execute("DELETE FROM person WHERE id = ?", (number,))
        return gone

    def rename(self, name: str, new: str) -> None:
        """Gives a person another name, within a block of `writing`; two of one name become one.

        Raises:
            DataError: Nobody of that name is there.
        """
        number = self._number(name)
        there = self._link.execute("SELECT id FROM person WHERE name = ?", (new,)).fetchone()
        if there is None:
            self._link.execute("UPDATE person SET name = ? WHERE id = ?", (new, number))
        elif there[0] != number:
            self._link.execute("UPDATE OR IGNORE face SET person = ? WHERE person = ?", (there[0], number))
            self._link.execute("DELETE FROM face WHERE person = ?", (number,))
            self._link.execute("DELETE FROM person WHERE id = ?", (number,))

    def clear(self) -> None:
        """Removes everybody, within a block of `writing`."""
        self._link.execute("DELETE FROM face")
        self._link.execute("DELETE FROM person")

    def _number(self, name: str) -> int:
        there = self._link.execute("SELECT id FROM person WHERE name = ?", (name,)).fetchone()
        if there is None:
            raise DataError(f"{self.path} has nobody named {name!r}: `mfn gallery list` tells the names")
        return int(there[0])

    def _begin(self, about: Mapping[str, Any]) -> None:
        """Makes the tables of a new file, unless another process just did."""
        self._link.execute("BEGIN IMMEDIATE")
        if self._link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            for statement in _SCHEMA.strip().split(";")[:-1]:
                self._link.execute(statement)
            self._link.execute(f"PRAGMA application_id = {APPLICATION}")
            self._link.execute(f"PRAGMA user_version = {FORMAT}")
            self.set_about(about)
        self._link.execute("COMMIT")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What SQLite complains of, as one sentence.

        Raises:
            DataError: It did.
        """
        try:
            with self._lock:
                yield
        except sqlite3.ProgrammingError as error:
            raise DataError(f"the gallery {self.path} was closed before ({first_line(error)})") from error
        except sqlite3.OperationalError as error:
            hint = "another process has written for a minute" if "locked" in str(error) else first_line(error)
            raise DataError(f"the gallery {self.path} cannot be used ({hint})") from error
        except (sqlite3.DatabaseError, OverflowError, TypeError, ValueError) as error:
            raise DataError(f"{self.path} is damaged or no gallery of mfn ({first_line(error)})") from error
