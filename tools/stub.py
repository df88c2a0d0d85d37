"""Write the type stubs from the live functions, or check that they are current.

    python tools/stub.py            # writes src/ogive/*.pyi, and src/ogive/torch/*.pyi with torch
    python tools/stub.py --check    # exit code 1 if a stub is out of date

The public names are created on first access, so type checkers and editors need stubs to see them.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import stub_numpy
import stub_tensors
from ogive._numpy.api import PUBLIC_MODES

PACKAGE = Path(__file__).parent.parent / "src" / "ogive"
FRAMEWORKS = {"torch": stub_tensors.stubs_of_torch, "jax": stub_tensors.stubs_of_jax}


def stubs() -> Iterator[tuple[Path, str]]:
    """Every stub's path and text; of frameworks where they are installed."""
    for mode in PUBLIC_MODES:
        name = "__init__" if mode == "value" else mode
        yield PACKAGE / f"{name}.pyi", stub_numpy.stub(mode)
    for name, written in FRAMEWORKS.items():
        own = f"ogive.{name}"
        if importlib.util.find_spec(name) and importlib.util.find_spec(own):
            yield from written(PACKAGE / name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which stubs are stale")
    check = parser.parse_args().check
    stale = []
    for path, text in stubs():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(PACKAGE)))
        if not check:
            path.write_text(text)
    if check and stale:
        print(f"stale stubs: {', '.join(stale)}; run `make format`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
