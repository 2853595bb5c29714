"""A file on disk -> header and wanted columns as numbers, whatever its separators, decimals and encoding."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from ..errors import TableError

LARGEST_FILE = 512 * 2**20  # bytes; about two hours of all 714 columns at 30 rows a second
LONGEST_HEADER = 2**20  # characters

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MISSING = {"", "na", "n/a", "nan", "-nan", "null", "none", "nil", ".", "-", "#n/a", "#div/0!", "#num!", "#value!"}
MISSING_NUMBER = re.compile(r"[-+]?(1\.#.*|(q|s)?nan(\(.*\))?|inf(inity)?)$", re.IGNORECASE)

CONTROLS = bytes(set(range(32)) - set(b"\t\r\n\f\x1a"))  # bytes that no text holds
BINARY_STARTS = {
    b"PK\x03\x04": "a workbook or a zip archive: save its sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Office workbook: save its sheet as CSV",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"RIFF": "a sound, movie or picture",
    b"PAR1": "a Parquet file: save it as CSV",
    b"\x89HDF": "an HDF5 file: save it as CSV",
    b"\x80\x04": "a Python pickle: save it as CSV",
}


@dataclass(frozen=True)
class Columns:
    """The wanted columns of a table's data rows.

    `values` float64 [R,C] (NaN where a cell is empty or says NaN), `lines` int64 [R] (the file's own line numbers,
    from 1), `header` the names of all columns as they stand in the file, `first` all cells of the first row as they are
    written, `notes` what had to be done to read it.
    """

    header: tuple[str, ...]
    first: tuple[str, ...]
    names: tuple[str, ...]
    values: np.ndarray
    lines: np.ndarray
    notes: tuple[str, ...]


def column_name(cell: str) -> str:
    """A header's cell without spaces, quotes and what R puts before a name that began with a space (X.AU01_r)."""
    name = cell.strip().strip("\"'").strip()
    return name[2:] if name.startswith("X.") else name


def read_columns(path: Path, choose: Callable[[tuple[str, ...]], Sequence[str]], text: Sequence[str] = ()) -> Columns:
    """Read the columns that `choose(header names)` asks for; it raises TableError for a header that is none of ours.

    `text` names columns in which a cell may hold anything: what is no number there becomes NaN (a clock in words).
    Raises TableError: not a readable text file, too large, empty, header only, rows that don't fit the header, cells
    that are no numbers.
    """
    encoding, notes = _check_file(path)
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, encoding=encoding, errors="replace", newline=None) as stream:
            return _read(path, stream, choose, frozenset(text), notes)
    except OSError as error:
        raise TableError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except csv.Error as error:
        raise TableError(f"{path.name} is not a table of numbers: {error}.") from error


def _check_file(path: Path) -> tuple[str, list[str]]:
    """The file's encoding and notes about it; raises TableError for what is no text."""
    if path.is_dir():
        raise TableError(f"{path.name} is a folder, not a table.")
    if not path.exists():
        raise TableError(f"{path.name} does not exist in {path.parent}.")
    if not path.is_file():
        raise TableError(f"{path.name} is not a plain file.")
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            start = raw.read(65536)
    except OSError as error:
        raise TableError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise TableError(f"{path.name} is empty.")
    for magic, what in BINARY_STARTS.items():
        if start.startswith(magic):
            raise TableError(f"{path.name} is not a table but {what}.")
    if start[4:8] == b"ftyp":
        raise TableError(f"{path.name} is not a table but a movie.")
    if size > LARGEST_FILE:
        raise TableError(
            f"{path.name} is {size / 2**20:,.0f} MB and tables of at most {LARGEST_FILE / 2**20:,.0f} MB are read: "
            "save fewer columns or rows."
        )
    encoding, note = _encoding(start)
    if not encoding:
        raise TableError(f"{path.name} is a binary file, not a table.")
    return encoding, [note] if note else []


def _encoding(start: bytes) -> tuple[str, str]:
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig", "A byte order mark at the start was skipped."
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "Read as UTF-16 text."
    even, odd = start[::2].count(0), start[1::2].count(0)
    half = len(start) // 2
    if odd > 0.7 * half and even < 0.1 * half:
        return "utf-16-le", "Read as UTF-16 text (little endian, no byte order mark)."
    if even > 0.7 * half and odd < 0.1 * half:
        return "utf-16-be", "Read as UTF-16 text (big endian, no byte order mark)."
    written = start.rstrip(b"\0")  # what a crash leaves after the last row is not the table's
    controls = len(written) - len(written.translate(None, CONTROLS))
    return ("", "") if controls > len(written) / 500 else ("utf-8", "")


def _read(path: Path, stream: TextIOWrapper, choose, text: frozenset[str], notes: list[str]) -> Columns:
    line, first_line = _first_line(path, stream)
    header_cells, separator = _split_header(line)
    header = tuple(column_name(cell) for cell in header_cells)
    names = tuple(choose(header))
    _refuse_doubles(path, header, names)
    number, first = next(((n, row) for n, row in enumerate(stream, first_line + 1) if row.strip()), (0, ""))
    if not first:
        raise TableError(f"{path.name} holds a header but no rows.")
    separator, shift, translate = _fit_rows(path, header, first, separator, number, notes)
    written = _cells(first.replace(", ", "\t") if translate else first, separator)
    stream.seek(0)
    for _ in range(first_line):
        stream.readline()
    source = (row.replace(", ", "\t") for row in stream) if translate else stream
    rows = csv.reader(source, delimiter=separator, skipinitialspace=True)
    places = tuple(header.index(name) + shift for name in names)
    layout = _Layout(path, header, names, places, len(header) + shift, text)
    values, numbers = _numbers(rows, layout, first_line, notes)
    if not len(values):
        raise TableError(f"{path.name} holds a header but no whole row.")
    return Columns(header, tuple(written[shift:]), names, values, numbers, tuple(notes))


def _first_line(path: Path, stream: TextIOWrapper) -> tuple[str, int]:
    """The header line and its number; blank lines and the `sep=;` that Excel understands may stand before it."""
    number = 0
    while True:
        line = stream.readline(LONGEST_HEADER)
        if not line:
            raise TableError(f"{path.name} is empty.")
        if len(line) >= LONGEST_HEADER:
            raise TableError(f"{path.name} is no table: its first line is longer than {LONGEST_HEADER:,} characters.")
        number += 1
        if line.strip() and not re.fullmatch(r"\"?sep=.\"?", line.strip(), re.IGNORECASE):
            return line, number


def _split_header(line: str) -> tuple[list[str], str]:
    """The header's cells under the separator that gives most of them."""
    best: tuple[int, list[str], str] = (-1, [], ",")
    for separator in SEPARATORS:
        cells = _cells(line, separator)
        if len(cells) > best[0]:
            best = (len(cells), cells, separator)
    cells = best[1]
    while len(cells) > 1 and not cells[-1].strip():  # a separator after the last name
        cells = cells[:-1]
    return cells, best[2]


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], delimiter=separator, skipinitialspace=True), [])


def _refuse_doubles(path: Path, header: tuple[str, ...], names: Iterable[str]) -> None:
    for name in names:
        if header.count(name) > 1:
            places = [str(i + 1) for i, cell in enumerate(header) if cell == name]
            raise TableError(
                f"{path.name} names {name} more than once (columns {', '.join(places)}): keep one of them."
            )


def _fit_rows(path, header, first: str, separator: str, number: int, notes: list[str]) -> tuple[str, int, bool]:
    """How data rows are split: (separator, columns before the header's first, whether ", " must become a tab first).

    Decided on the first data row; every later row is held to it.
    """
    width = len(header)
    cells = _cells(first, separator)
    extra = len(cells) - width
    if extra <= 0 or not any(cell.strip() for cell in cells[width:]):
        return separator, 0, False
    if extra == 1 and (separator != "," or first.lstrip().startswith('"')):
        notes.append("The rows have a first column of row names that the header does not name: skipped.")
        return separator, 1, False
    if separator == "," and len(first.rstrip().split(", ")) == width:
        notes.append("The columns were told apart by the space after the comma.")
        return "\t", 0, True
    if separator == "," and "." not in first:
        raise TableError(
            f"{path.name}, line {number}: {len(cells)} cells under a header of {width} columns; decimal commas between "
            "commas cannot be told apart, so save the table with decimal points or with semicolons."
        )
    raise _misfit(path, number, len(cells), width)


def _misfit(path: Path, number: int, cells: int, width: int) -> TableError:
    return TableError(
        f"{path.name}, line {number}: {cells} cells under a header of {width} columns, so repair or delete that line."
    )


@dataclass(frozen=True)
class _Layout:
    """Where the wanted cells stand in a row of `width` cells; `words` are those that may hold anything."""

    path: Path
    header: tuple[str, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]
    width: int
    words: frozenset[str]


def _numbers(rows, layout: _Layout, before: int, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(values [R,C], line numbers [R]) of a csv reader's rows, which begin after line `before` of the file."""
    path, places, width = layout.path, layout.places, layout.width
    values: list[tuple[float, ...]] = []
    numbers: list[int] = []
    short: tuple[int, int] | None = None
    decimal_commas = False
    for row in _without_blanks(rows):
        number = rows.line_num + before
        if short is not None:
            raise _misfit(path, *short, width)
        if len(row) < width:  # forgiven where it is the last line of the file: a recording that was cut off
            short = (number, len(row))
            continue
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            raise _misfit(path, number, len(row), width)
        cells = [row[place] for place in places]
        try:
            values.append(tuple(map(float, cells)))
        except ValueError:
            decimal_commas |= any("," in cell for cell in cells)
            values.append(_parsed(row, cells, number, layout))
        numbers.append(number)
    if short is not None:
        notes.append(f"Line {short[0]}, the last, is cut off ({short[1]} of {width} cells): left out.")
    if decimal_commas:
        notes.append("Decimal commas were read as points.")
    table = np.array(values, np.float64).reshape(len(values), len(places))
    table[~np.isfinite(table)] = np.nan
    return table, np.array(numbers, np.int64)


def _parsed(row: list[str], cells: Sequence[str], number: int, layout: _Layout) -> tuple[float, ...]:
    """A row's wanted cells one by one; raises TableError for the first that is no number."""
    values = []
    for name, place, cell in zip(layout.names, layout.places, cells, strict=True):
        value = _number(cell)
        if value is None and name.casefold() not in layout.words:
            if [column_name(other) for other in row[-len(layout.header) :]] == list(layout.header):
                raise TableError(
                    f"{layout.path.name}, line {number} repeats the header: "
                    "these are several tables in one file, split them."
                )
            raise TableError(
                f"{layout.path.name}, line {number}, column {name} (the table's column {place + 1}): "
                f"{_quoted(cell)} is no number."
            )
        values.append(float("nan") if value is None else value)
    return tuple(values)


def _without_blanks(rows) -> Iterator[list[str]]:
    return (row for row in rows if row and (len(row) > 1 or row[0].strip()))


def _number(cell: str) -> float | None:
    """The value of a cell, decimal comma or not; NaN where it says that there is none, None for what is no number."""
    cell = cell.strip().strip("\"'").strip()
    if cell.lower() in MISSING or MISSING_NUMBER.match(cell):
        return float("nan")
    if cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return None


def _quoted(cell: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in cell.strip())
    return f"'{shown[:30]}...'" if len(shown) > 30 else f"'{shown}'"
