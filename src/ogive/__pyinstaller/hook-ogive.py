"""What a frozen program needs besides what it imports by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = [*collect_submodules("ogive.catalog"), *collect_submodules("ogive._numpy")]
datas = collect_data_files("ogive")
