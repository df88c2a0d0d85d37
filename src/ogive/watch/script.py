"""`ogive watch train.py …`: a program of the user, unchanged, under a monitor.

torch is not imported before the program does, so that what it sets first (threads, devices) holds.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import signal
import sys
import traceback
import types
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import WatchError
from .faults import checked_period, checked_rules
from .lines import JsonLines
from .records import Cost, Report, Sink, Unseen

if TYPE_CHECKING:
    from .monitor import Monitor

MOST = 32
"""Models of one program."""


class Program:
    """Runs a script or a module as Python does, and watches what it trains."""

    def __init__(
        self,
        target: str,
        arguments: Sequence[str] = (),
        *,
        module: bool = False,
        every: int | None = None,
        rules: Sequence[str] | None = None,
        log: str | Path | None = None,
        sinks: Sequence[Sink] = (),
        command: str = "",
    ) -> None:
        """Check all that can be checked before the program runs.

        Raises
        ------
        WatchError
            There is no such script or module, an unknown rule, a file that cannot be written.
        """
        self.target, self.arguments, self.module = target, [*arguments], module
        if module:
            if not _found(target):
                raise WatchError(f"no module is called {target}")
        elif not Path(target).is_file():
            what = "a folder, not a script" if Path(target).is_dir() else "no such file"
            raise WatchError(f"{target}: {what}")
        checked_period(every)
        checked_rules(rules)
        self._options: dict[str, Any] = {
            "every": every, "rules": rules, "log": log, "sinks": [*sinks], "command": command
        }  # fmt: skip
        self.monitor: Monitor | None = None
        self.error: BaseException | None = None
        self._discovery: Any = None
        self._unseen: list[Unseen] = []
        self._dropped = 0

    def log(self, path: str | Path) -> None:
        """Write JSON lines there; opened now.

        Raises
        ------
        WatchError
            The file cannot be written.
        """
        self._options["sinks"].append(JsonLines(path))

    def run(self) -> Report:
        """The program from start to end; its own exit is given by `leave`."""
        finder = _After("torch", self._begin)
        if "torch" in sys.modules:
            self._begin()
        else:
            sys.meta_path.insert(0, finder)
        try:
            self._execute()
        except BaseException as error:  # what ends a program, it ends with
            self.error = error
        finally:
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
            if self._discovery is not None:
                self._discovery.end()
        return self._end()

    def leave(self, status: int = 0) -> NoReturn:
        """End this process as the program ended; with `status` where it ended well."""
        error = self.error
        if isinstance(error, SystemExit):
            if error.code in (None, 0) and status:
                sys.exit(status)
            raise error
        if error is None:
            sys.exit(status)
        error = error.with_traceback(self._own_frames(error))
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            sys.stdout.flush()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)

    @property
    def ended(self) -> str:
        """Why it ended early; empty where it did not."""
        error = self.error
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return ""
        if isinstance(error, SystemExit):
            return f"{self.target} ended with status {error.code}"
        said = traceback.format_exception_only(type(error), error)[-1].strip()
        return f"{self.target} ended early: {said}"

    @property
    def source(self) -> Path | None:
        """The file that holds the program, where there is one."""
        if not self.module:
            return Path(self.target)
        spec = importlib.util.find_spec(self.target)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{self.target}.__main__")
        return Path(spec.origin) if spec is not None and spec.origin else None

    # Running.

    def _execute(self) -> None:
        sys.argv = [self.target, *self.arguments]
        if self.module:
            sys.path.insert(0, os.getcwd())
            runpy.run_module(self.target, run_name="__main__", alter_sys=True)
            return
        path = Path(self.target)
        sys.path.insert(0, str(path.resolve().parent))
        file = os.path.abspath(self.target)
        main = types.ModuleType("__main__")
        main.__dict__.update(__file__=file, __builtins__=__builtins__)
        # It stays: functions that run at exit, and pickles, look for it.
        sys.modules["__main__"] = main
        exec(compile(path.read_bytes(), file, "exec"), main.__dict__)

    def _own_frames(self, error: BaseException) -> types.TracebackType | None:
        """The traceback from the program's first line on."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals.get("__name__") != "__main__":
            trace = trace.tb_next
        return trace or (None if isinstance(error, SyntaxError) else error.__traceback__)

    # Watching.

    def _begin(self) -> None:
        from .discover import Discovery
        from .monitor import Monitor

        self.monitor = Monitor({}, searching=True, **self._options)
        self.monitor.attach()
        self._discovery = Discovery(self._trains)

    def _trains(self, modules: list[Any]) -> None:
        from .discover import named

        assert self.monitor is not None
        if not modules:
            self._unseen.append(
                Unseen(
                    what="an optimizer's parameters",
                    why="no module holds them",
                    how="Keep them in a torch.nn.Module.",
                )
            )
        for module in modules:
            if len(self.monitor.names) >= MOST:
                self._dropped += 1
                continue
            try:
                self.monitor.add(named(module), module)
            except WatchError as error:
                self._unseen.append(Unseen(what=named(module), why=str(error)))

    def _end(self) -> Report:
        if self.monitor is None:
            return Report(
                findings=(), layers=(), progress=(), models=(),
                unseen=(Unseen(what=self.target, why="it does not use PyTorch"),),
                cost=Cost(every=0, seconds=0.0, total=0.0, bytes=0),
                command=self._options["command"], notes=(self.ended,) if self.ended else (),
            )  # fmt: skip
        if not self.monitor.names:
            self._unseen.append(
                Unseen(
                    what=self.target,
                    why="it made no optimizer and no backward pass, so that no model in training "
                    "was found",
                    how="Put ogive.watch.Monitor(model) around the loop.",
                )
            )
        if self._dropped:
            self._unseen.append(
                Unseen(what=f"{self._dropped} models", why=f"the first {MOST} are watched")
            )
        self.monitor.leave_unseen(self._unseen)
        if self.ended:
            self.monitor.note(self.ended)
        self.monitor.detach()
        return self.monitor.report()


def run_script(target: str, arguments: Sequence[str] = (), **options: Any) -> Program:
    """Run a script under a monitor.

    Parameters
    ----------
    target
        The script's path, or with ``module=True`` a module's name.
    arguments
        What the script finds in ``sys.argv[1:]``.
    **options
        As of `ogive.watch.Monitor`: every, rules, log, sinks.

    Returns
    -------
    Program
        With ``monitor`` and ``error``; its ``leave`` ends the process as the script did.
    """
    program = Program(target, arguments, **options)
    program.run()
    return program


def _found(module: str) -> bool:
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.path.pop(0)


class _After(MetaPathFinder):
    """Calls a function once a module has been imported."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name, self.then = name, then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            execute(module)
            self.then()

        loader.exec_module = exec_module
        return spec
