"""`import ogive` is light: NumPy, and bfloat16 where ml_dtypes is installed. Nothing else."""

from __future__ import annotations

import json

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
