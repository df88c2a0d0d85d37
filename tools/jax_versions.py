"""Runs the tests of `ogive.jax` on other versions of JAX, each in an environment of its own.

    python tools/jax_versions.py 0.5.0                      # with this Python
    python tools/jax_versions.py 0.12.0.1 --python python3.13

The native module is that of this environment: one serves every version (limited API). Below 0.5
the handlers do not load, and formulas are used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

import ogive
from ogive import _native

ROOT = Path(__file__).parent.parent
FILES = ("test_jax.py", "test_jax_bits.py", "test_jax_shards.py", "test_jax_transforms.py")


def main(
    version: Annotated[str, typer.Argument(help="Of JAX.")],
    python: Annotated[str, typer.Option(help="Which Python to make the environment with.")] = (
        sys.executable
    ),
    only: Annotated[str, typer.Option(help="pytest's -k.")] = "",
) -> None:
    """Makes the environment in a temporary folder, and runs the tests there."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        subprocess.run([python, "-m", "venv", here / "env"], check=True)
        own = here / "env" / "bin" / "python"
        packages = [f"jax=={version}", f"jaxlib=={version}", "ml_dtypes", "pytest", "flatbuffers"]
        subprocess.run([own, "-m", "pip", "install", "--quiet", *packages], check=True)
        shutil.copytree(Path(ogive.__file__).parent, here / "package" / "ogive")
        shutil.copy(_native.__file__, here / "package" / "ogive")
        for folder_of, names in (("tests", FILES), ("tools", ("jax_table.py",))):
            (here / folder_of).mkdir()
            for name in names:
                shutil.copy(ROOT / folder_of / name, here / folder_of)
        (here / "docs").mkdir()
        shutil.copy(ROOT / "docs" / "jax_table.md", here / "docs")
        command = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
        command += ["-k", only] if only else []
        done = subprocess.run(
            command, cwd=here, env={**os.environ, "PYTHONPATH": str(here / "package")}
        )
    raise typer.Exit(done.returncode)


if __name__ == "__main__":
    typer.run(main)
