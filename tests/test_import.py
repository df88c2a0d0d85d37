"""`import ogive` is light: NumPy, and bfloat16 where ml_dtypes is installed. Nothing else."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ogive
from cases import check_python

HEAVY = [
    "bokeh", "dask", "flint", "jax", "joblib", "matplotlib", "pandas", "rich", "scipy", "sklearn",
    "sympy", "torch", "typer", "xarray",
]  # fmt: skip


def imported_by(code: str) -> set[str]:
    """Top-level packages outside the standard library that `code` adds to NumPy's own."""
    out = check_python(
        "import sys, numpy, json\nbefore = set(sys.modules)\n"
        + code
        + "\nnew = {m.split('.')[0] for m in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(new - set(sys.stdlib_module_names))))"
    )
    return set(json.loads(out.splitlines()[-1]))


def test_import_brings_numpy_and_nothing_else() -> None:
    assert imported_by("import ogive") <= {"ogive", "numpy", "ml_dtypes"}


def test_calls_on_arrays_import_nothing_more() -> None:
    code = (
        "import ogive\nx = numpy.ones((3, 4), 'f4')\n"
        "for name in ogive.catalog.names('unary'): getattr(ogive, name)(x)\n"
        "ogive.softmax(x); ogive.value_and_grad.cross_entropy(x, [0, 1, 2]); ogive.catalog()"
    )
    assert imported_by(code).isdisjoint(HEAVY)


def test_ogive_works_without_ml_dtypes() -> None:
    out = check_python(
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import numpy as np, ogive\n"
        "print(ogive.gelu(np.float32(1)).dtype, ogive.cross_entropy(np.zeros((1, 2)), [0]) > 0)"
    )
    assert out.split() == ["float32", "True"]


def test_importing_starts_no_thread() -> None:
    code = (
        "import os; before = len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task')"
        " else 0\nimport ogive, numpy as np; ogive.gelu(np.ones(10))\n"
        "after = len(os.listdir('/proc/self/task')) if before else 0\nprint(after - before)"
    )
    # NumPy's BLAS starts its own, so it is imported first.
    assert check_python("import numpy\n" + code).strip() == "0"


def test_ogive_works_from_compiled_modules_alone(tmp_path: Path) -> None:
    """As some programs are delivered: without a source file."""
    package = tmp_path / "ogive"
    shutil.copytree(Path(ogive.__file__).parent, package)
    shutil.copy(ogive._native.__file__, package)
    assert compileall.compile_dir(package, quiet=2, legacy=True)
    for source in package.rglob("*.py"):
        source.unlink()
    code = (
        f"import sys; sys.meta_path = [m for m in sys.meta_path if 'ditable' not in repr(m)]\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import numpy as np, ogive\n"
        "print(ogive.__file__, len(ogive.catalog()), ogive.gelu(np.float32(1)),\n"
        "      ogive.leaky_relu(-1.0), ogive.cross_entropy(np.zeros((1, 2)), [0]))"
    )
    file, functions, *results = check_python(code).split()
    assert file == str(package / "__init__.pyc")
    assert int(functions) == len(ogive.catalog())
    assert results == ["0.8413448", "-0.01", "0.6931471805599453"]


def test_a_frozen_program_finds_every_function(tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller")
    (tmp_path / "program.py").write_text(
        "import ogive\nprint(len(ogive.catalog()), ogive.leaky_relu(-1.0))\n"
    )
    source = Path(ogive.__file__).parent
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--onedir", "--log-level", "ERROR",
         "--paths", source.parent, "--additional-hooks-dir", source / "__pyinstaller",
         *(f"--exclude-module={each}" for each in HEAVY),
         "--add-binary", f"{ogive._native.__file__}:ogive", "program.py"],
        check=True, cwd=tmp_path,
    )  # fmt: skip
    run = [tmp_path / "dist/program/program"]
    said = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert said.split() == [str(len(ogive.catalog())), "-0.01"]
