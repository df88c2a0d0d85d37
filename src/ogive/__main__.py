"""``python -m ogive`` and the ``ogive`` command."""

import sys


def main() -> None:
    """Run the command line, or say which packages to install for it."""
    try:
        from .cli import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich"}:
            raise
        sys.exit('ogive: the command line needs more packages: pip install "ogive[study]"')
    except KeyboardInterrupt:  # while it is imported
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()
