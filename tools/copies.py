"""Copies of the source tree in which mutants are tested, and the native library of a copy.

Each copy has a process that has imported what tests import, and forks for each mutant. For a slip
in a kernel, some of the units that include it are compiled for the machine's own instruction set
and linked with the other units' objects from the build in build/editable.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from mutants import ROOT, SOURCE

BUILD = ROOT / "build" / "editable"
COPIED = (
    "src", "tests", "tools", "benchmarks", "examples", "docs", "pyproject.toml", "README.md",
    "Makefile", "CMakeLists.txt", "CHANGELOG.md", "CONTRIBUTING.md",
)  # fmt: skip
HEAVY = ("numpy", "scipy.stats", "pandas", "sympy", "sklearn.linear_model", "torch._dynamo")
"""Slow imports of tests, done once before the process forks for a mutant."""
MOST_UNITS = 3
"""Most changed units that are compiled for a slip in a header that nearly all include."""

# The package is installed in place; in a copy and its child processes, the copy must be imported.
SITE = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "Scikit" not in type(finder).__name__]
sys.path.insert(0, {source!r})
"""

SERVER = """import importlib, json, os, sys
for name in {heavy!r}:
    importlib.import_module(name)
import pytest
class Failed:
    def pytest_runtest_logreport(self, report):
        if report.failed:
            with open("mutant.failed", "a") as file:
                print(report.nodeid, file=file)
os.chdir({copy!r})
assert "ogive" not in sys.modules
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open("mutant.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        sys.stdin = open(os.devnull)
        without = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
        os._exit(int(pytest.main(["-x", "-q", *without, *json.loads(line)], [Failed()])))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Copy:
    """A copy of the source tree, and its process."""

    def __init__(self, at: Path):
        self.at = at
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir(parents=True)
        skip = shutil.ignore_patterns("__pycache__", "*.o")
        for name in COPIED:
            here = ROOT / name
            if here.is_dir():
                shutil.copytree(here, at / name, ignore=skip)
            elif here.exists():
                shutil.copy2(here, at / name)
        self.library = at / SOURCE / native_library().name
        shutil.copy2(native_library(), self.library)
        (at / "build").symlink_to(BUILD.parent)  # a test looks at its objects
        site = at / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE.format(source=str(at / "src")))
        self.start()

    def start(self) -> None:
        environment = {
            **os.environ, "PYTHONPATH": str(self.at / "site"), "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "1",
        }  # fmt: skip
        code = SERVER.format(heavy=HEAVY, copy=str(self.at))
        self.server = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment, cwd=self.at,
        )  # fmt: skip
        assert self.server.stdout is not None
        assert self.server.stdout.readline() == "ready\n"

    def run(self, tests: list[str], seconds: float) -> str:
        """ "killed", "survived", or how else it ended."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        (self.at / "mutant.failed").unlink(missing_ok=True)
        self.server.stdin.write(json.dumps(tests) + "\n")
        self.server.stdin.flush()
        child = int(self.server.stdout.readline())
        late = threading.Event()

        def stop() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)

        timer = threading.Timer(seconds, stop)
        timer.start()
        code = int(self.server.stdout.readline())
        timer.cancel()
        if late.is_set():
            return "killed: did not end"
        if code < 0:
            return f"killed: {signal.Signals(-code).name}"
        known = {0: "survived", 1: "killed", 2: "killed: import", 5: "no tests"}
        return known.get(code, f"killed: {code}")

    def failed(self) -> str | None:
        """The test of the last run that failed."""
        written = self.at / "mutant.failed"
        return written.read_text().splitlines()[0] if written.exists() else None

    def failures(self) -> list[str]:
        """The tests of the last run that failed or were not found."""
        log = (self.at / "mutant.log").read_text(errors="replace")
        missing = re.findall(rf"^ERROR: not found: {re.escape(str(self.at))}/(.*)$", log, re.M)
        failed = self.failed()
        return [*missing, *([failed] if failed else [])]

    def close(self) -> None:
        if self.server.stdin is not None:
            self.server.stdin.close()
        self.server.wait()


def native_library() -> Path:
    spec = importlib.util.find_spec("ogive._native")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


class Units:
    """The build's objects for one instruction set, and the commands that compile and link them."""

    def __init__(self, isa: str):
        self.isa = isa
        self.database = {entry["output"]: entry["command"] for entry in compilations()}
        self.including: dict[str, list[str]] = {}
        """For each file, the units that include it or are made from it."""
        for unit, path in dependencies():
            if self.has(unit) and path.is_relative_to(ROOT / SOURCE):
                self.including.setdefault(str(path.relative_to(ROOT)), []).append(unit)

    def has(self, unit: str) -> bool:
        """Whether a unit is for this instruction set, or for all."""
        of = re.search(r"kernels_(\w+)\.dir", unit)
        return of is None or of[1] == self.isa

    def changed(self, file: str, copy: Path) -> dict[str, Path] | None:
        """Some objects that a slip in a file of the copy changes; None if it does not compile.

        The file's own unit is tried first, then the others in random order, until some differ.
        """
        units = sorted(self.including.get(file, []))
        random.Random(file).shuffle(units)
        units.sort(key=lambda unit: name_of(unit) != Path(file).stem)
        found: dict[str, Path] = {}
        # The preprocessor removes code for other instruction sets from every unit.
        if all(
            self.preprocessed(unit, copy) == self.preprocessed(unit, ROOT) for unit in units[:2]
        ):
            return found
        for unit in units:
            made = self.compiled(unit, copy)
            if made is None:
                return None
            if made.read_bytes() != (BUILD / unit).read_bytes():
                found[unit] = made
            if len(found) == MOST_UNITS:
                break
        return found

    def words(self, unit: str, copy: Path) -> list[str]:
        """The command that compiles a unit of a copy, up to the name of the object."""
        words = shlex.split(self.database[unit].replace(str(ROOT / SOURCE), str(copy / SOURCE)))
        has = "-DOGIVE_HAS_"  # definitions for dispatch.cpp
        words = [
            word for word in words
            if Path(word).name not in ("-Werror", "ccache")
            and (not word.startswith(has) or word == has + self.isa)
        ]  # fmt: skip
        for option in ("-MT", "-MF", "-o"):
            del words[words.index(option) : words.index(option) + 2]
        return [*(word for word in words if word != "-MD"), "-w"]

    def preprocessed(self, unit: str, copy: Path) -> bytes:
        words = [word for word in self.words(unit, copy) if word != "-c"]
        return subprocess.run([*words, "-E", "-P"], cwd=BUILD, capture_output=True).stdout

    def compiled(self, unit: str, copy: Path) -> Path | None:
        """The object of a unit in a copy; None if it does not compile."""
        to = copy / "objects" / unit
        to.parent.mkdir(parents=True, exist_ok=True)
        words = [*self.words(unit, copy), "-o", str(to)]
        done = subprocess.run(words, cwd=BUILD, capture_output=True, check=False)
        return to if done.returncode == 0 else None

    def link(self, objects: dict[str, Path], library: Path) -> None:
        """Link a library for this instruction set only, with some objects replaced."""
        target = next(path.name for path in BUILD.glob("_native*.so"))
        command = ninja("-t", "commands", target).splitlines()[-1]
        # CMake writes ": && c++ … && :", possibly after a compiler launcher.
        words = shlex.split(command.partition("&& ")[2].rpartition(" &&")[0])
        words = [str(objects.get(word, word)) for word in words if self.has(word)]
        words[words.index("-o") + 1] = str(library)
        subprocess.run(words, cwd=BUILD, check=True, capture_output=True)


def ninja(*arguments: str) -> str:
    tool = shutil.which("ninja", path=str(Path(sys.executable).parent)) or "ninja"
    return subprocess.run(
        [tool, *arguments], cwd=BUILD, capture_output=True, text=True, check=True
    ).stdout


def compilations() -> list[dict[str, str]]:
    entries = json.loads(ninja("-t", "compdb"))
    return [entry for entry in entries if entry["output"].endswith(".cpp.o")]


def dependencies() -> Iterator[tuple[str, Path]]:
    """The objects, and the files they depend on."""
    unit = ""
    for line in ninja("-t", "deps").splitlines():
        if not line.startswith(" "):
            unit = line.partition(":")[0]
        elif line.strip() and unit.endswith(".cpp.o"):
            yield unit, (BUILD / line.strip()).resolve()


def name_of(unit: str) -> str:
    """The name of the function or the source file that a unit is made from."""
    return Path(unit).name.partition(".")[0]
