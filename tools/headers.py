"""Does every C++ header of the kernels and the catalog compile alone? Editors open them so.

python tools/headers.py
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src/ogive"
WIDE = ["-march=x86-64-v3"] if platform.machine() in ("x86_64", "AMD64") else []
FLAGS = ["-fsyntax-only", "-std=c++20", "-x", "c++", "-w", *WIDE]
FOLDERS = [f"-I{SOURCE / folder}" for folder in ("kernels", "catalog")]


def complaint(header: Path, compiler: str) -> str:
    """What the compiler says of a header, nothing where it is content."""
    run = subprocess.run([compiler, *FLAGS, *FOLDERS, header], capture_output=True, text=True)
    return run.stderr if run.returncode else ""


def main() -> None:
    compiler = shutil.which("clang++")
    if compiler is None:
        print("Headers were not compiled alone: there is no clang++ here (apt install clang).")
        return
    headers = sorted(h for f in ("kernels", "catalog") for h in (SOURCE / f).rglob("*.hpp"))
    with ThreadPoolExecutor(2) as threads:
        found = [c for c in threads.map(lambda h: complaint(h, compiler), headers) if c]
    print(*found, f"{len(headers)} headers, {len(found)} that do not compile alone", sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
