"""For PyInstaller, which finds this folder by the entry point ``pyinstaller40``."""

from __future__ import annotations

import os


def hook_folders() -> list[str]:
    """Where the hook lies."""
    return [os.path.dirname(__file__)]
