"""Text tables: find a file's encoding, separator and header, and the line that is wrong."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import StudyError
from .raw import Raw, chosen_target, listed, named, plural
from .table import Options

SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|",
              "space": " ", "whitespace": " "}  # fmt: skip
"""Names for separators that are hard to type."""

SAMPLE = 100
"""Number of lines that decide the separator and the header."""

SAMPLE_CELLS = 20_000
"""Most cells that are looked at, so that fewer lines of a wide table are."""

PIECE = 1 << 24
"""Bytes whose separators are counted at once; the positions found take eight times as many."""

PREAMBLE = 20
"""Most lines above a table that are not part of it."""

WIDE = "  "
"""Columns separated by two or more blanks, so that a value may contain one."""

NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
DECIMAL_POINT = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
OUTPUT = re.compile(r"^@outputs?\s+(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
"""The line in which KEEL files name the target."""

MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|[^\s{]+)", re.IGNORECASE)


@dataclass(kw_only=True)
class Layout:
    """How a text is split into lines and fields."""

    name: str
    body: bytes
    """The text in UTF-8 with \\n line ends."""
    sep: str
    quote: str
    skipped: int = 0
    """Lines above the table."""
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row that is not blank, with the line on which it begins."""
        text = io.TextIOWrapper(io.BytesIO(self.body), encoding="utf-8", newline="")
        reader = csv.reader(text, delimiter=self.sep[0], quotechar=self.quote,
                            skipinitialspace=True, strict=True)  # fmt: skip
        before = 0
        try:
            for row in reader:
                if row and (len(row) > 1 or row[0].strip()):
                    yield before + 1 + self.skipped, row
                before = reader.line_num
        except csv.Error as error:
            line = before + 1 + self.skipped
            if "unexpected end" in str(error):
                raise StudyError(
                    f"{self.name}: line {line}: a quote ({self.quote}) is opened and never closed"
                ) from error
            raise StudyError(f"{self.name}: line {line}: {error}") from error


def read(data: bytes, name: str, options: Options) -> Raw:
    """A table from the bytes of a CSV, TSV or other text file."""
    notes: list[str] = []
    text = _decoded(data, name, notes)
    if not text.strip():
        raise StudyError(f"{name}: is empty")
    names, goal = None, None
    comments: list[str] = []
    skipped = 0
    text, skipped, comments = _uncommented(text)
    if text[:9].lower() == b"@relation":
        names, goal, text, above = _attributes(text, name)
        skipped += above
    if not text.strip():
        raise StudyError(f"{name}: holds comments only, no rows")
    layout = _layout(text, name, options, skipped, arff=names is not None)
    layout.notes += notes
    lines, counts = _counts(layout)
    raw = _table(layout, lines, counts, names, comments, options)
    raw.target = goal
    return raw


def _decoded(data: bytes, name: str, notes: list[str]) -> bytes:
    """The file as UTF-8 without a byte order mark and with \\n line ends."""
    coding = next((coding for mark, coding in MARKS if data.startswith(mark)), None)
    if coding is None and data[1:200:2].count(0) > len(data[1:200:2]) // 2:
        coding = "utf-16-le"
    try:
        # DOS files may end with Ctrl-Z.
        text = data.rstrip(b"\x1a").decode(coding or "utf-8")
    except UnicodeDecodeError as error:
        if coding is not None:
            raise StudyError(f"{name}: is not text in {coding} (byte {error.start})") from error
        line = data.count(b"\n", 0, error.start) + 1
        text = data.decode("cp1252", errors="replace")
        letter = text[error.start : error.start + 1]
        notes.append(
            f"Line {line} is not UTF-8, so the file was read as Windows-1252 (Latin-1): "
            f"its byte {data[error.start]:#x} is {letter!r}"
        )
    if "\0" in text:
        raise StudyError(f"{name}: is not a text file (it holds zero bytes)")
    plain = text.encode()
    if b"\r" in plain:
        plain = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return plain


def _attributes(text: bytes, name: str) -> tuple[list[str], str | None, bytes, int]:
    """Names, target and body of an ARFF or KEEL file, whose rows are comma-separated."""
    parts = re.split(rb"^[ \t]*@data[^\n]*\n?", text, maxsplit=1, flags=re.MULTILINE | re.I)
    if len(parts) < 2 or not parts[1].strip():
        raise StudyError(f"{name}: no rows below @data")
    head, body = parts
    names = [found.strip("'\"") for found in ATTRIBUTE.findall(head.decode())]
    if body.lstrip().startswith(b"{"):
        raise StudyError(f"{name}: sparse ARFF rows ({{0 1, 3 2}}) cannot be read")
    body = re.sub(rb"^%[^\n]*", b"", body, flags=re.MULTILINE)
    output = OUTPUT.search(head.decode())
    return names, output[1] if output else None, body, text[: len(text) - len(body)].count(b"\n")


def _uncommented(text: bytes) -> tuple[bytes, int, list[str]]:
    """Strip the blank lines and comments at the top."""
    start, skipped, comments = 0, 0, []
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].strip()
        if line and not line.startswith((b"#", b"%", b"//")):
            break
        if line:
            comments.append(line.lstrip(b"#%/").decode().strip())
        start, skipped = end + 1, skipped + 1
    return text[start:], skipped, comments


def _layout(text: bytes, name: str, options: Options, skipped: int, *, arff: bool) -> Layout:
    end = 0
    for _ in range(SAMPLE):
        end = text.find(b"\n", end) + 1 or len(text)
    sample = text[:end].decode(errors="replace")
    double = '"' in sample
    single = not double and re.search(r"(^|[,;|\t ])'[^'\n]*'\s*([,;|\t ]|$)", sample, re.M)
    quote = "'" if single else '"'
    if arff:
        sep = ","
    elif options.sep is not None:
        sep = SEPARATORS.get(options.sep.lower(), options.sep)
        if len(sep) != 1 or sep in '"\n\r':
            raise StudyError(
                f"--sep takes one character or one of {', '.join(SEPARATORS)}, not {options.sep!r}"
            )
    else:
        sep = _separator(sample, quote)
    if sep in (" ", WIDE):
        text = re.sub(rb"[ \t]*\n[ \t]*", b"\n", text.strip(b" \t").replace(b"\t", sep.encode()))
        if sep == WIDE:
            text, sep = re.sub(rb" {2,}", b"\t", text), "\t"
        elif quote.encode() not in text:
            text = re.sub(rb" +", b" ", text)
    return Layout(name=name, body=text, sep=sep, quote=quote, skipped=skipped)


def _separator(sample: str, quote: str) -> str:
    """The separator that splits most lines of the sample into the same number of fields."""
    best, found = (0.0, 0.0), ","
    for sep in ("\t", ";", "|", ",", " ", WIDE):
        text = sample
        if sep in (" ", WIDE):
            text = re.sub(r"[ \t]*\n[ \t]*", "\n", text.strip(" \t").replace("\t", sep))
        if sep == WIDE:
            text = re.sub(r" {2,}", "\t", text)
        cut = "\t" if sep == WIDE else sep
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=cut, quotechar=quote,
                          skipinitialspace=True)  # fmt: skip
        try:
            counts = Counter(len(row) for row in rows if row)
        except csv.Error:
            continue
        fields, lines = max(counts.items(), key=lambda pair: (pair[1], pair[0]), default=(1, 0))
        # In a tie the earlier one wins: commas are more often within numbers and text than between.
        score = (lines / max(1, counts.total()), 1.0)
        if fields > 1 and score > best and (score[0] >= 0.5 or not best[0]):
            best, found = score, sep
    return found


def _counts(layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The line and the number of fields of every row that is not blank."""
    if layout.quote.encode() in layout.body:
        pairs = np.array([(line, len(row)) for line, row in layout.rows()], np.int64)
        pairs = pairs.reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]
    # Without quotes every separator character separates, and NumPy counts faster than a parser.
    body = layout.body if layout.body.endswith(b"\n") else layout.body + b"\n"
    lines, seps = [], []
    total_lines = total_seps = 0
    for start in range(0, len(body), PIECE):
        piece = np.frombuffer(body, np.uint8, min(PIECE, len(body) - start), start)
        ends = np.flatnonzero(piece == ord("\n"))
        marks = np.flatnonzero(piece == ord(layout.sep))
        lines.append(ends + start)
        seps.append(np.searchsorted(marks, ends) + total_seps)
        total_lines += len(ends)
        total_seps += len(marks)
    ends, sums = np.concatenate(lines), np.concatenate(seps)
    lengths = np.diff(ends, prepend=-1) - 1
    fields = np.diff(sums, prepend=0) + 1
    blank = lengths == 0
    for i in np.flatnonzero((fields == 1) & ~blank):  # a line of blanks is blank
        blank[i] = not body[ends[i] - lengths[i] : ends[i]].decode().strip()
    there = np.flatnonzero(~blank)
    return there + 1 + layout.skipped, fields[there]


def _table(
    layout: Layout,
    lines: NDArray[np.int64],
    counts: NDArray[np.int64],
    names: list[str] | None,
    comments: list[str],
    options: Options,
) -> Raw:
    notes, warnings = layout.notes, list[str]()
    if not len(counts):
        raise StudyError(f"{layout.name}: no rows")
    first = _settle(layout, lines, counts, options) if names is None else 0
    width = int(counts[first + 1 if len(counts) > first + 1 else first])
    looked_at = max(5, min(SAMPLE, SAMPLE_CELLS // width))
    sample = [row for _, row in zip(range(first + looked_at), _each(layout), strict=False)][first:]
    head, rest = [cell.strip() for cell in sample[0]], sample[1:]
    if names is not None:
        data_from = first
        odd = np.flatnonzero(counts != len(names))
        if len(odd):
            raise StudyError(
                f"{layout.name}: line {lines[odd[0]]} has {plural(int(counts[odd[0]]), 'field')}, "
                f"but there are {len(names)} @attribute lines"
            )
    else:
        numbers = [cell for cell in head if NUMBER.fullmatch(cell)]
        header = is_header(head, rest) if options.header is None else options.header
        data_from = first + header
        if header:
            names = head
            if numbers and options.header is None:
                warnings.append(
                    f"Names in line {lines[first]} are numbers ({listed(numbers)}): if that line "
                    "holds values, say --no-header"
                )
            extra = len(names) - width
            if extra == -1 and all(len(row) > width - 1 and not row[-1].strip() for row in rest):
                names = [*names, ""]  # every line of data ends in a separator
            elif extra == -1:
                names = ["", *names]
            elif extra == 1 and not names[-1]:
                names = names[:-1]
        else:
            last = re.split(r"[\s,;|]+", comments[-1]) if comments else []
            if len(last) == width and not any(NUMBER.fullmatch(cell) for cell in last):
                names = last
                notes.append(f"Names come from the comment above the data: {listed(last)}")
            else:
                names = [f"column {i + 1}" for i in range(width)]
                notes.append(
                    f"No header: line {lines[first]} holds values ({listed(head)}), so columns are "
                    "called column 1, column 2, ...; if it holds names, say --header"
                )
    nameless = not names[0]
    if data_from >= len(lines):
        raise StudyError(f"{layout.name}: no rows below the header in line {lines[first]}")
    made_up = [f"column {i + 1}" for i, label in enumerate(names) if not label]
    names = named([_unquoted(name) for name in names], warnings)
    index = tuple(names[:1]) if nameless else ()
    frame = _frame(layout, lines, data_from, names, rest, made_up, options, notes)
    # A separator at the end of each line makes a column without name or value.
    frame = frame.drop(columns=[label for label in made_up if frame[label].isna().all()])
    known = lines[data_from:]
    return Raw(
        frame=frame,
        where=lambda row: f"line {known[row]}",
        notes=notes,
        warnings=warnings,
        index=index,
    )


def _each(layout: Layout) -> Iterator[list[str]]:
    return (row for _, row in layout.rows())


def _settle(
    layout: Layout, lines: NDArray[np.int64], counts: NDArray[np.int64], options: Options
) -> int:
    """The row where the table begins. All later rows must have the same number of fields; the error
    names the first line that does not."""
    usual = Counter(counts.tolist()).most_common(1)[0][0]
    first = int(np.argmax(counts == usual))
    odd = np.flatnonzero(counts[first:] != usual) + first
    if len(odd) or first > min(PREAMBLE, len(counts) // 2):
        at = int(odd[0]) if len(odd) else 0
        raise StudyError(
            f"{layout.name}: line {lines[at]} has {plural(int(counts[at]), 'field')}, "
            f"line {lines[first]} {usual}"
            + (f"; the separator is {layout.sep!r}, --sep names another" if not options.sep else "")
        )
    if first:
        # The line above may be a header with one name less (none for row names) or one more.
        above = next(row for i, row in enumerate(_each(layout)) if i == first - 1)
        short = len(above) == usual - 1 and not any(NUMBER.fullmatch(c.strip()) for c in above)
        first -= short or (len(above) == usual + 1 and not above[-1].strip())
    if first:
        layout.notes.append(
            f"Left out: the lines above line {lines[first]}, with a different number of fields"
            if first > 1
            else f"Left out: line {lines[0]}, with {plural(int(counts[0]), 'field')} where the "
            f"others have {usual}"
        )
    return first


def is_header(head: list[str], rest: list[list[str]]) -> bool:
    """Whether the first line holds names, judged by how it differs from the lines below."""
    shift = len(rest[0]) - len(head) if rest else 0
    below = [[row[i + max(0, shift)].strip() for row in rest if i + max(0, shift) < len(row)]
             for i in range(len(head))]  # fmt: skip
    number = [bool(NUMBER.fullmatch(cell)) for cell in head]
    if all(number):
        return False
    numeric = [
        sum(bool(NUMBER.fullmatch(cell)) for cell in cells) * 2 > sum(map(bool, cells)) > 0
        for cells in below
    ]
    words = [i for i, cell in enumerate(head) if cell and not number[i]]
    if any(numeric[i] for i in words):
        return True
    if any(head[i] in below[i] for i in words):
        return False
    values = [cell for cell, is_number in zip(head, number, strict=True) if is_number]
    # Whole numbers such as years may be names; 5.1 and -3 are not.
    return all(cell.isdigit() for cell in values) and len(set(values)) == len(values)


def _unquoted(name: str) -> str:
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
        return name[1:-1].strip()
    return name


def _frame(
    layout: Layout,
    lines: NDArray[np.int64],
    data_from: int,
    names: list[str],
    rest: list[list[str]],
    made_up: list[str],
    options: Options,
    notes: list[str],
) -> pd.DataFrame:
    decimal = options.decimal
    if decimal is not None and decimal not in (".", ","):
        raise StudyError(f"--decimal takes . or , and not {decimal!r}")
    if decimal is None:
        decimal = "."
        cells = [cell.strip() for row in rest for cell in row]
        commas = sum(bool(DECIMAL_COMMA.fullmatch(cell)) for cell in cells)
        points = sum(bool(DECIMAL_POINT.fullmatch(cell)) for cell in cells)
        if layout.sep != "," and commas > 10 * points:
            decimal = ","
            notes.append("Numbers have a decimal comma: 3,5 is three and a half (else --decimal .)")
    # Labels of the target stay as they are written: 01 is not 1.
    used = [label for label in names if label not in made_up]
    target = chosen_target(used, options.target, options.drop, ())
    start = 0
    for _ in range(int(lines[data_from]) - layout.skipped - 1):
        start = layout.body.index(b"\n", start) + 1
    try:
        with catch_warnings():
            simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(layout.body[start:]),
                sep=r"\s+" if layout.sep == " " else layout.sep,
                quotechar=layout.quote,
                skipinitialspace=True,
                header=None,
                names=range(len(names)),
                index_col=False,
                dtype={names.index(target): str} if target in names else None,
                decimal=decimal,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise StudyError(f"{layout.name}: cannot be read: {str(error).splitlines()[0]}") from error
    if len(frame) != len(lines) - data_from:  # a line of blanks is a row to pandas
        frame = frame[frame.notna().any(axis=1)].reset_index(drop=True)
    frame.columns = pd.Index(names)
    return frame
