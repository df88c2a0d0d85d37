"""Takes the pictures of the curve explorer for the site, with Chromium.

python tools/explorer_pictures.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ogive.report import explorer

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = {
    "explorer": ("1280,900", "f=gelu&theme=light&lang=en"),
    "explorer_dark": ("1280,900", "f=gelu&theme=dark&lang=en"),
    "explorer_zh": ("1280,900", "f=silu~mish~gelu~relu&theme=light&lang=zh"),
    "explorer_fails": ("1280,900", "f=gelu&x=-14:1&log=1&at=-10&d=0&theme=light&lang=en"),
}
"""Size and address."""


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("explorer_pictures: install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        explorer.write(page)
        for name, (size, address) in PICTURES.items():
            picture = DOCS / f"{name}.png"
            subprocess.run(
                [
                    browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    f"--user-data-dir={folder}/profile", "--virtual-time-budget=15000",
                    f"--window-size={size}", f"--screenshot={picture}",
                    f"{page.as_uri()}#{address}",
                ],
                check=True, capture_output=True, timeout=120,
            )  # fmt: skip


if __name__ == "__main__":
    main()
