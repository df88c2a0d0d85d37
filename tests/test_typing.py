"""Programs of users pass strict type checkers, which find every line that is marked as wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

import ogive

PROGRAMS = Path(__file__).parent / "typing"
NEEDS = {
    "torch_user.py": ("torch",),
    "instruments_user.py": ("torch",),
    "jax_user.py": ("jax", "ogive.jax"),
}
MARK = re.compile(r"# wrong: ([\w-]+), (\w+)$")
Errors = dict[tuple[str, int], set[str]]
"""Codes of what is wrong, by file and line."""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The programs in a folder outside the project, as a user's are."""
    for path in PROGRAMS.glob("*_user.py"):
        if all(map(importlib.util.find_spec, NEEDS.get(path.name, ()))):
            shutil.copy(path, tmp_path)
    return tmp_path


def marks(programs: Path, checker: int) -> dict[tuple[str, int], str]:
    return {
        (path.name, number): found[1 + checker]
        for path in programs.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := MARK.search(line))
    }


def checkout() -> list[str]:
    """The folder of the package, where checkers would not look for it by themselves."""
    home = Path(ogive.__file__).parents[1]
    return [] if home.name == "site-packages" else [str(home)]


def by_mypy(folder: Path, cache: Path) -> Errors:
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--hide-error-context"]
    command += ["--follow-imports=silent", "--no-pretty", "--cache-dir", str(cache), "."]
    environment = os.environ | {"MYPYPATH": os.pathsep.join(checkout())}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert not done.stderr, done.stderr
    errors: Errors = defaultdict(set)
    for name, line, code in re.findall(r"^(.+?):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.M):
        errors[name, int(line)].add(code)
    assert ("Success" in done.stdout) == (not errors), done.stdout
    return errors


def by_pyright(folder: Path, cache: Path) -> Errors:
    pytest.importorskip("pyright")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    if subprocess.run([*command, "--version"], capture_output=True).returncode:
        pytest.skip("pyright, which is fetched at its first run, cannot run here")
    options = {"typeCheckingMode": "strict", "extraPaths": checkout()}
    (folder / "pyrightconfig.json").write_text(json.dumps(options))
    done = subprocess.run([*command, "--outputjson"], cwd=folder, capture_output=True, text=True)
    errors: Errors = defaultdict(set)
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        place = Path(found["file"]).name, found["range"]["start"]["line"] + 1
        errors[place].add(found.get("rule", found["message"]))
    return errors


CHECKERS = by_mypy, by_pyright
"""In the order of the codes after a mark."""


@pytest.mark.parametrize("check", CHECKERS)
def test_right_programs_pass_and_wrong_lines_do_not(
    check: Callable[[Path, Path], Errors], programs: Path, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache is not None
    errors = check(programs, pytestconfig.cache.mkdir("mypy"))
    expected = marks(programs, CHECKERS.index(check))
    assert dict(errors).keys() == expected.keys(), dict(errors)
    assert {place: code for place, code in expected.items() if code not in errors[place]} == {}


def test_the_programs_are_many_enough_to_fail() -> None:
    assert len(marks(PROGRAMS, 0)) >= 30
