"""Reads a source, whatever its format, into one frame. Formats are told by content, not suffix."""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from . import arrays, separated
from .errors import StudyError
from .raw import Raw, from_frame, listed, named
from .table import Options

T = TypeVar("T")

BUNDLED = ("digits", "breast_cancer", "wine", "iris")

FORMATS = "CSV, TSV or other text, Parquet, Feather, Excel, JSON, NPZ or ARFF, also .gz or .zip"

PACKED: tuple[tuple[bytes, str, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", ".gz", gzip.decompress),
    (b"BZh", ".bz2", bz2.decompress),
    (b"\xfd7zXZ\0", ".xz", lzma.decompress),
)

RECORDS = ("data", "records", "rows", "items", "results")
"""Keys under which a JSON object may hold its rows."""


def read(source: str, options: Options) -> Raw:
    """A bundled set, a file, a folder of Parquet files, or ``openml:ID``."""
    if source in BUNDLED:
        if options.target is not None:
            raise StudyError(f"{source} has its own target; --target is for files")
        return _bundled(source)
    if source.startswith("openml:"):
        return _openml(source.removeprefix("openml:"))
    if re.match(r"[a-z0-9+]{2,}://", source, re.IGNORECASE):
        raise StudyError(f"{source}: is an address; download it and name the file")
    path = Path(source).expanduser()
    if not path.exists():
        near = difflib.get_close_matches(source, BUNDLED, n=1)
        if near:
            raise StudyError(f"unknown data {source!r}; did you mean {near[0]}?")
        if not path.suffix and len(path.parts) == 1:
            raise StudyError(
                f"unknown data {source!r}; known: {', '.join(BUNDLED)}, a file ({FORMATS}), "
                "openml:ID"
            )
        try:
            beside = [other.name for other in path.parent.iterdir()]
        except OSError:
            beside = []
        near = difflib.get_close_matches(path.name, beside, n=1)
        hint = f"; did you mean {path.parent / near[0]}?" if near else ""
        raise StudyError(f"{path}: no such file{hint}")
    try:
        if path.is_dir():
            return _folder(path)
        return from_bytes(path.read_bytes(), path.name, options)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error


def from_bytes(data: bytes, name: str, options: Options) -> Raw:
    """A table from a file's content; `name` is used only in messages."""
    for magic, suffix, unpack in PACKED:
        if data.startswith(magic):
            try:
                inside = unpack(data)
            except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
                raise StudyError(f"{name}: is a damaged {suffix} file: {error}") from error
            return from_bytes(inside, name.removesuffix(suffix), options)
    if not data:
        raise StudyError(f"{name}: is empty")
    if data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06"):
        return _zip(data, name, options)
    is_excel = data.startswith(b"\xd0\xcf\x11\xe0")
    if options.sheet is not None and not is_excel:
        raise StudyError(f"{name}: has no sheets; --sheet is for Excel files")
    if data.startswith(b"\x93NUMPY"):
        return arrays.from_npy(data, name)
    if data.startswith(b"PAR1"):
        return _arrow(lambda: _parquet(io.BytesIO(data)), name, "Parquet")
    if data.startswith((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
        return _arrow(lambda: _feather(data), name, "Feather")
    if is_excel:
        return _excel(data, name, options)
    known = {".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Arrow",
             ".xlsx": "Excel", ".xls": "Excel", ".npz": "NPZ", ".npy": "NPY", ".gz": "gzip",
             ".zip": "ZIP", ".bz2": "bzip2", ".xz": "xz"}  # fmt: skip
    claimed = known.get(Path(name).suffix.lower())
    if claimed:
        raise StudyError(f"{name}: is not a {claimed} file, whatever its name says, or is damaged")
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"["):
        return _json(data, name)
    return separated.read(data, name, options)


def _bundled(name: str) -> Raw:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    frame = pd.DataFrame(bunch.data, columns=[str(f) for f in bunch.feature_names])
    frame["target"] = np.array([str(c) for c in bunch.target_names])[bunch.target]
    return Raw(frame=frame, target="target", shares_unit=name == "digits")


def _openml(number: str) -> Raw:
    if not number.isdigit():
        raise StudyError(f"openml:{number}: the part after the colon must be a data set's number")
    from sklearn.datasets import fetch_openml

    try:
        bunch = fetch_openml(data_id=int(number), as_frame=True, parser="auto")
    except Exception as error:  # network, server and parser each raise their own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"openml:{number}: could not be fetched: {reason}") from error
    raw = from_frame(bunch.frame)
    raw.target = bunch.target_names[0] if bunch.target_names else None
    return raw


def _zip(data: bytes, name: str, options: Options) -> Raw:
    """An Excel file, an NPZ file, or one compressed table."""
    members = [
        entry
        for entry in _unzipped(data, name, zipfile.ZipFile.infolist)
        if not entry.is_dir() and not Path(entry.filename).name.startswith((".", "__"))
        and not entry.filename.startswith("__MACOSX")
    ]  # fmt: skip
    inside = [entry.filename for entry in members]
    if "[Content_Types].xml" in inside or "content.xml" in inside:
        return _excel(data, name, options)
    of_arrays = (".npz", ".zip") if inside else ".npz"
    if all(member.endswith(".npy") for member in inside) and name.lower().endswith(of_arrays):
        return arrays.from_npz(data, name, options)
    if len(members) != 1:
        raise StudyError(
            f"{name}: holds {len(members)} files"
            + (f" ({listed(inside)}); unpack it and name one" if members else "")
        )
    content = _unzipped(data, name, lambda archive: archive.read(members[0]))
    return from_bytes(content, Path(inside[0]).name, options)


def _unzipped(data: bytes, name: str, ask: Callable[[zipfile.ZipFile], T]) -> T:
    """The result of `ask` on an archive; only errors of the archive are reported as damage."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return ask(archive)
    except Exception as error:  # of zipfile, of zlib, or ValueError for a damaged directory
        raise StudyError(f"{name}: is a damaged or locked ZIP file: {error}") from error


def _arrow(read: Callable[[], Any], name: str, kind: str) -> Raw:
    try:
        table = read()
        table.validate(full=True)
        return from_frame(table.to_pandas())
    except ImportError as error:
        raise StudyError(f"{name}: {kind} needs pyarrow: pip install pyarrow") from error
    except Exception as error:  # pyarrow's own errors, which cannot be named without importing it
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"{name}: cannot be read: {reason}") from error


def _parquet(source: Path | io.BytesIO) -> Any:
    from pyarrow.parquet import read_table

    return read_table(source)


def _feather(data: bytes) -> Any:
    from pyarrow import feather, ipc

    if data.startswith(b"\xff\xff\xff\xff"):
        return ipc.open_stream(data).read_all()
    return feather.read_table(io.BytesIO(data))


def _folder(path: Path) -> Raw:
    if any(path.rglob("*.parquet")) or any(path.rglob("*.pq")):
        return _arrow(lambda: _parquet(path), path.name, "Parquet")
    raise StudyError(f"{path}: is a folder without .parquet files; name a file")


def _excel(data: bytes, name: str, options: Options) -> Raw:
    with _from_excel(lambda: pd.ExcelFile(io.BytesIO(data)), name) as book:
        sheets = [str(sheet) for sheet in book.sheet_names]
        if not sheets:
            raise StudyError(f"{name}: holds no sheet")
        sheet = _sheet(sheets, options.sheet, name)
        frame = _from_excel(
            lambda: pd.read_excel(
                book, sheet_name=sheet, header=None, dtype=object, keep_default_na=False,
                na_values=[""],
            ),
            name,
        )  # fmt: skip
    notes = []
    if len(sheets) > 1 and options.sheet is None:
        notes.append(f"Sheet {sheet!r} is the first of {len(sheets)}; --sheet names another")
    frame = frame.dropna(axis=1, how="all")
    there = frame.notna().any(axis=1)
    line = np.flatnonzero(there) + 1
    frame = frame[there].reset_index(drop=True)
    if frame.empty:
        raise StudyError(f"{name}: sheet {sheet!r} is empty")
    warnings: list[str] = []
    nameless = False
    head = ["" if pd.isna(cell) else str(cell).strip() for cell in frame.iloc[0]]
    header = options.header
    if header is None:
        rest = frame.iloc[1 : separated.SAMPLE].map(lambda v: "" if pd.isna(v) else str(v))
        header = separated.is_header(head, rest.to_numpy().tolist())
    if header:
        frame, line, nameless = frame.iloc[1:].reset_index(drop=True), line[1:], not head[0]
        names = named(head, warnings)
    else:
        names = [f"column {i + 1}" for i in range(frame.shape[1])]
        notes.append(f"No header: row {line[0]} holds values; if it holds names, say --header")
    if frame.empty:
        raise StudyError(f"{name}: no rows below the header of sheet {sheet!r}")
    frame = frame.infer_objects()
    frame.columns = pd.Index(names)
    return Raw(
        frame=frame,
        where=lambda row: f"row {line[row]}",
        notes=notes,
        warnings=warnings,
        index=tuple(names[:1]) if nameless else (),
    )


def _from_excel(read: Callable[[], T], name: str) -> T:
    try:
        return read()
    except ImportError as error:
        package = re.search(r"(openpyxl|xlrd|odfpy)", str(error))
        wanted = package[0] if package else "openpyxl"
        raise StudyError(f"{name}: Excel needs {wanted}: pip install {wanted}") from error
    except Exception as error:  # each engine has its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"{name}: is not an Excel file that can be read: {reason}") from error


def _sheet(sheets: list[str], wanted: str | None, name: str) -> str:
    if wanted is None:
        return sheets[0]
    if wanted in sheets:
        return wanted
    if wanted.isdigit() and 1 <= int(wanted) <= len(sheets):
        return sheets[int(wanted) - 1]
    near = difflib.get_close_matches(wanted, sheets, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {listed(sheets)}"
    raise StudyError(f"{name}: no sheet {wanted!r}; {hint}")


def _json(data: bytes, name: str) -> Raw:
    """A list of records, a mapping of columns, or one record per line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{name}: is not JSON in UTF-8 (byte {error.start})") from error
    try:
        found: Any = json.loads(text)
    except json.JSONDecodeError as whole:
        lines = [(i + 1, line) for i, line in enumerate(text.splitlines()) if line.strip()]
        try:
            json.loads(lines[0][1])
        except json.JSONDecodeError:
            raise StudyError(f"{name}: line {whole.lineno} is not JSON: {whole.msg}") from whole
        found = []
        for number, line in lines:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise StudyError(f"{name}: line {number} is not JSON: {error.msg}") from error
        numbers = [number for number, _ in lines]
        return _records(found, name, lambda row: f"line {numbers[row]}")
    if isinstance(found, dict):
        for key in (*RECORDS, *found):
            rows = found.get(key)
            if isinstance(rows, list) and rows and isinstance(rows[0], (dict, list)):
                found = rows
                break
    if (
        isinstance(found, dict)
        and found
        and all(isinstance(c, (list, dict)) for c in found.values())
    ):
        try:
            return from_frame(pd.DataFrame(found))
        except ValueError as error:
            raise StudyError(f"{name}: columns do not fit together: {error}") from error
    if not isinstance(found, list) or not found:
        raise StudyError(f"{name}: holds no records (a list of objects, or one object per line)")
    return _records(found, name, lambda row: f"record {row + 1}")


def _flat(record: dict[str, Any], above: str = "") -> dict[str, Any]:
    """The values of nested objects, in their order."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return flat


def _records(found: list[Any], name: str, where: Callable[[int], str]) -> Raw:
    kinds = {type(record) for record in found}
    if kinds == {dict}:
        nested = any(isinstance(value, dict) for record in found for value in record.values())
        frame = pd.DataFrame.from_records([_flat(r) for r in found] if nested else found)
    elif kinds == {list}:
        width = len(found[0])
        odd = next((i for i, record in enumerate(found) if len(record) != width), None)
        if odd is not None:
            raise StudyError(
                f"{name}: {where(odd)} has {len(found[odd])} values, the first {width}"
            )
        frame = pd.DataFrame(found, columns=[f"column {i + 1}" for i in range(width)])
    else:
        odd = next((i for i, r in enumerate(found) if type(r) is not type(found[0])), 0)
        raise StudyError(f"{name}: {where(odd)} is not a record like the others")
    raw = from_frame(frame)
    raw.where = where
    return raw
