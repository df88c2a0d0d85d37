"""Write a file completely or not at all, with a clear message if it cannot be written."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REPORT_LIMIT = 2_000_000
"""Largest size of a page, in bytes."""


class CannotWriteError(OSError):
    """A file cannot be written; the message names the path and the reason."""


def write_text(path: Path | str, text: str) -> None:
    """Write a temporary file in the same folder and rename it: readers see the old or the new file.

    Raises
    ------
    CannotWriteError
        The folder is missing, read-only or full, or the path is a folder.
    """
    target = Path(path)
    with _explained(target):
        # A symbolic link is kept; its target is replaced.
        target = target.resolve()
        if target.exists() and not target.is_file():
            # Folders are refused here; a pipe or device cannot be replaced by renaming.
            target.write_text(text, encoding="utf-8")
            return
        with _beside(target) as part:
            _write(part, text.encode())
            os.replace(part, target)


def check_writable(path: Path | str, size: int = REPORT_LIMIT) -> None:
    """Write a trial file, to raise now what `write_text` would raise after a long run.

    Raises
    ------
    CannotWriteError
        As `write_text`.
    """
    target = Path(path)
    with _explained(target):
        target = target.resolve()
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            return
        # Permissions and free space do not settle it (root, quotas, network folders), so try.
        with _beside(target) as part:
            _write(part, bytes(size))


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        # Some file systems report a full disk only at this point.
        os.fsync(file.fileno())


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new file in the same folder, so that the rename stays within one file system."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        explained = CannotWriteError(f"cannot write {path}: {_reason(error, path)}")
        explained.errno = error.errno
        raise explained from error


def _reason(error: OSError, path: Path) -> str:
    folder = path.absolute().parent
    if error.errno in (errno.ENOENT, errno.ENOTDIR) and not folder.is_dir():
        return f"there is no folder {folder}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {folder} is read-only for this user"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no space left in {folder}"
    return (error.strerror or str(error)).lower()
