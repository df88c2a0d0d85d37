"""Watches a training: attaches to models, looks at some of their steps, reports what is wrong."""

from __future__ import annotations

import math
import statistics
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

import ogive

from . import history, hub, judge, ranks
from .compiled import Call, is_compiled, original, run_again, wrapper_of
from .discover import distinct
from .errors import WatchError
from .faults import checked_period, checked_rules
from .lines import JsonLines
from .model import Hook, ModelWatch, tensors_of, unwrapped
from .observe import DONE, FORWARD
from .records import Check, Cost, Finding, Report, Sink, Unseen
from .view import Suspicion, View

EVERY = 50
"""Period of observed steps, after a denser start."""


def due(step: int, every: int | None) -> bool:
    """Whether a step is looked at: more often at the start, when most faults show."""
    if every is not None:
        return step % every == 0
    if step < 10:
        return True
    return step % (5 if step < 100 else 20 if step < 500 else EVERY) == 0


class Monitor:
    """Names what is wrong with a network while it trains.

    Parameters
    ----------
    model
        A torch.nn.Module; or a dict of several by name, that train together.
    every
        Period of steps that are looked at; by default 50 after a denser start. Where something may
        be wrong, steps are looked at one after another for a while.
    rules
        Names of faults to look for; all by default.
    log
        A file of JSON lines, which a kill does not lose.
    sinks
        Objects with the methods of `ogive.watch.Sink`.
    on_finding
        Called with each finding when it is confirmed.
    command
        What is running, for the report.
    searching
        Models will be added while it runs.

    Raises
    ------
    WatchError
        No module, a module without parameters to train, an unknown rule, a file that cannot be
        written.

    Examples
    --------
    >>> import torch, ogive
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> optimizer = torch.optim.SGD(model.parameters(), 0.01)
    >>> with ogive.watch.Monitor(model) as monitor:
    ...     for _ in range(30):
    ...         optimizer.zero_grad()
    ...         x = torch.randn(32, 4)
    ...         torch.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True)).backward()
    ...         optimizer.step()
    >>> monitor.report().errors
    ()
    """

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        *,
        every: int | None = None,
        rules: Iterable[str] | None = None,
        log: str | Path | None = None,
        sinks: Sequence[Sink] = (),
        on_finding: Callable[[Finding], None] | None = None,
        command: str = "",
        searching: bool = False,
    ) -> None:
        models = dict(model) if isinstance(model, Mapping) else {"": model}
        if not models and not searching:
            raise WatchError("no model was given")
        for name, each in models.items():
            _check_model(each, name)
        self._every = checked_period(every)
        self._rules = checked_rules(rules)
        self._watches: list[ModelWatch] = []
        # Of several processes, the first one speaks for all.
        first = ranks.rank() == 0
        self._sinks: list[Sink] = [*sinks] if first else []
        if log is not None and first:
            self._sinks.append(JsonLines(log))
        self._on_finding = on_finding if first else None
        self._exchange = ranks.Ranks(ranks.number_of_monitor())
        self._command = command
        self._notes: list[str] = []
        self._unseen: list[Unseen] = []
        self._handles: dict[int, Any] = {}
        self._attached = self._finished = False
        self._started = ""
        self._begin = self._end = 0.0
        self._checking = 0.0
        self._plain: deque[float] = deque(maxlen=256)
        self._armed_times: deque[float] = deque(maxlen=256)
        self._last_step = 0.0
        self._last_call: dict[int, tuple[Any, Any]] = {}
        self._calls: dict[int, Call] = {}
        for name, each in models.items():
            self._add(name, each)

    # Life.

    def __enter__(self) -> Monitor:
        return self.attach()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._notes.append(f"Training ended early: {kind.__name__ if kind else ''}: {error}")
        self.detach()

    def attach(self) -> Monitor:
        """Begin; the steps from now on are seen."""
        if self._attached:
            return self
        self._attached, self._finished = True, False
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._begin = self._last_step = time.perf_counter()
        hub.join(self)
        try:
            for watch in self._watches:
                self._hook(watch)
        except Exception as error:
            self._failed(error)
        self._tell("start", self.report())
        return self

    def detach(self) -> None:
        """End: no hook is left, and what was seen since the last check is judged."""
        if not self._attached:
            return
        self._release()
        try:
            self._finish()
        except Exception as error:
            self._note(error)
        self._tell("close", self.report())

    def add(self, name: str, model: nn.Module) -> None:
        """Watch another model too."""
        _check_model(model, "")
        if any(each.outer is model or each.module is model for each in self._watches):
            return
        if len(self._watches) == 1 and not self._watches[0].name:
            self._watches[0].rename(self._watches[0].given_name)
        taken = {each.name or each.given_name for each in self._watches}
        own = distinct(name, taken)
        watch = self._add(own if self._watches else "", model)
        watch.given_name = own
        if self._attached:
            self._hook(watch)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models."""
        return tuple(each.name or each.given_name for each in self._watches)

    def note(self, text: str) -> None:
        """For the report."""
        self._notes.append(text)

    def leave_unseen(self, unseen: Sequence[Unseen]) -> None:
        """More for the report, of what could not be looked at."""
        self._unseen += unseen

    def _add(self, name: str, model: nn.Module) -> ModelWatch:
        compiled = is_compiled(model)
        watch = ModelWatch(name, original(model) if compiled else model, self._failed)
        watch.outer = model
        watch.is_compiled = compiled
        watch.finder.rules = self._rules
        watch.alert = self._alert
        watch.ranks = self._exchange
        self._watches.append(watch)
        for each in self._watches:
            each.alone = len(self._watches) == 1
        return watch

    def _hook(self, watch: ModelWatch) -> None:
        def called(module: nn.Module, args: Any, kwargs: Any) -> None:
            if torch.compiler.is_compiling() or not torch.is_grad_enabled():
                return
            try:
                self._called(watch, args, kwargs)
            except Exception as error:
                self._failed(error)

        hooked = watch.outer if watch.is_compiled else watch.module
        if id(watch) in self._handles:
            self._handles[id(watch)].remove()
        if getattr(hooked, "_compiled_call_impl", None) is not None:
            self._handles[id(watch)] = _CallWrapper(self, watch, hooked)
        else:
            self._handles[id(watch)] = hooked.register_forward_pre_hook(
                Hook(called), with_kwargs=True, prepend=True
            )
        if due(watch.steps, self._every):
            self._arm(watch)

    def _arm(self, watch: ModelWatch) -> None:
        if not watch.is_compiled and is_compiled(watch.module):  # since the last time
            watch.is_compiled = True
            self._hook(watch)
            return
        if watch.is_compiled:
            watch.armed = True
            if isinstance(watch.outer, nn.Module) and "_orig_mod" in watch.outer._modules:
                watch.after_handle = watch.outer.register_forward_hook(
                    Hook(lambda module, args, output: self._compiled_returned(watch, output))
                )
        else:
            watch.arm()

    def _release(self) -> None:
        self._attached = False
        self._end = time.perf_counter()
        hub.leave(self)
        for handle in self._handles.values():
            handle.remove()
        self._handles.clear()
        for watch in self._watches:
            watch.disarm()
            watch.release_compiled()
        self._last_call.clear()
        self._calls.clear()

    def _finish(self) -> None:
        """Judge what was seen since the last check."""
        if self._finished:
            return
        self._finished = True
        for watch in self._watches:
            if watch.observed and not watch.nan_known:
                self._check(watch, final=True)

    # Events.

    def _called(self, watch: ModelWatch, args: Any, kwargs: Any) -> None:
        watch.forwards += 1
        if watch.arm_again:
            watch.arm_again = False
            if due(watch.steps, self._every):
                watch.arm()
                watch.enter()
        self._last_call[id(watch)] = args, kwargs
        if not watch.stepped_by and watch.changed() and watch.backwards:
            # Without an optimizer of torch, a step begins when the weights have changed.
            watch.backwards = 0
            self._step(watch, None)
            if watch.armed and not watch.is_compiled:
                watch.enter()
        if watch.is_compiled and watch.armed and id(watch) not in self._calls:
            self._calls[id(watch)] = Call(args, kwargs)

    def _compiled_returned(self, watch: ModelWatch, output: Any) -> None:
        try:
            call = self._calls.get(id(watch))
            if call is not None and torch.is_grad_enabled():
                call.returned(next(tensors_of(output), None))
                watch.seen_calls += 1
                watch._calls = 1
                if watch.observer.phase is DONE and not watch._backward_over:
                    watch.observer.begin()  # the loss is called in plain view
                    watch.observer.insert()
        except Exception as error:
            self._failed(error)

    def before_step(self, optimizer: Any, closure: bool) -> None:
        """A step of an optimizer begins."""
        try:
            for watch in self._watches:
                if not watch.owns(optimizer):
                    continue
                if not watch.seen_calls and not watch.is_compiled and watch.steps == 0:
                    self._look_for_compiled(watch)
                if closure:
                    watch.sample_ahead()
                    continue
                self._run_again(watch)
                watch.before_step(optimizer)
        except Exception as error:
            self._failed(error)

    def after_step(self, optimizer: Any) -> None:
        """A step of an optimizer is over."""
        try:
            for watch in self._watches:
                if watch.owns(optimizer):
                    if watch.armed:  # its closure called the model within the step
                        watch.before_step(optimizer)
                    self._step(watch, optimizer)
        except Exception as error:
            self._failed(error)

    def _step(self, watch: ModelWatch, optimizer: Any) -> None:
        now = time.perf_counter()
        armed = watch.was_armed
        if optimizer is None:
            armed = watch.armed
            self._run_again(watch)
            watch.before_step(None)
        (self._armed_times if armed else self._plain).append(now - self._last_step)
        if watch.after_step():
            self._check(watch)
        watch.was_armed = False
        if (due(watch.steps, self._every) or watch.close_look) and not watch.nan_known:
            self._arm(watch)
            watch.was_armed = True
        self._last_step = time.perf_counter()

    def backward_begins(self, tensors: Any) -> None:
        """A backward pass begins."""
        try:
            for watch in self._watches:
                watch.backward_begins(tensors)
            if isinstance(tensors, Tensor) and tensors.numel() == 1:
                self._watch_loss(tensors)
        except Exception as error:
            self._failed(error)

    def backward_ends(self) -> None:
        """A backward pass is over."""
        try:
            for watch in self._watches:
                watch.backward_ends()
        except Exception as error:
            self._failed(error)

    def compiled(self, module: Any, result: Any) -> None:
        """A module was compiled: compiled code must meet neither hooks nor the mode."""
        try:
            for watch in self._watches:
                if module is watch.module:
                    watch.disarm()
                    watch.outer, watch.is_compiled = result, True
                    self._hook(watch)
                elif any(each is module for each in watch.module.modules()):
                    watch.disarm()
                    watch.arm_again = True
        except Exception as error:
            self._failed(error)

    # Checks.

    def _check(self, watch: ModelWatch, final: bool = False) -> None:
        begin = time.perf_counter()
        findings = watch.check(final)
        told = history.remember(watch, bool(self._sinks))
        progress = watch.progress[-1] if watch.progress else None
        self._tell("check", Check(model=watch.name, step=watch.steps, progress=progress,
                                  layers=told))  # fmt: skip
        for each in judge.ordered(findings):
            self._found(each)
        if watch.overflowed:
            self._overflowed(watch)
        self._checking += time.perf_counter() - begin

    def _found(self, finding: Finding) -> None:
        self._tell("finding", finding)
        if self._on_finding is not None:
            try:
                self._on_finding(finding)
            except Exception as error:
                self._on_finding = None
                self._notes.append(f"on_finding raised {type(error).__name__}: {error}")

    def _alert(self, watch: ModelWatch, suspicion: Suspicion) -> None:
        """What is certain at once."""
        finding = watch.finder.certain(watch.steps, suspicion, watch)
        if finding is not None:
            self._found(finding)

    def _tell(self, what: str, record: Any) -> None:
        for sink in [*self._sinks]:
            try:
                getattr(sink, what)(record)
            except Exception as error:
                self._sinks.remove(sink)
                self._notes.append(
                    f"{type(sink).__name__} raised {type(error).__name__}: {error}; it is left out"
                )

    # What is not finite.

    def _watch_loss(self, loss: Tensor) -> None:
        # Of another device it would have to be waited for: there, checks look at it.
        if loss.device.type != "cpu" or not loss.is_floating_point():
            return
        if math.isfinite(loss.item()):
            return
        for watch in self._watches:
            self._overflowed(watch)

    def _overflowed(self, watch: ModelWatch) -> None:
        """Its loss is not finite: say so once, and judge it no more."""
        if watch.nan_known or id(watch) not in self._last_call:
            return
        watch.nan_known = True
        for each in watch.finder.not_finite(View(watch, {}, [])):
            self._found(each)
        self._alert(watch, self._locate(watch))

    def _locate(self, watch: ModelWatch) -> Suspicion:
        """Where the first value that is not finite comes from."""
        args, kwargs = self._last_call[id(watch)]
        evidence: dict[str, float | str | None] = {}
        largest = [
            float(block.units[7].max())
            for blocks in watch.blocks.values()
            for block in [blocks[-1]]
            if block.units is not None and math.isfinite(float(block.units[7].max()))
        ]
        if largest:
            evidence["largest value before"] = max(largest)
        stage, place = "loss", None
        data = [*tensors_of(args), *tensors_of(kwargs)]
        by_layer = {p.layer: p for _, p in sorted(watch.places.items(), key=lambda i: -i[1].order)}
        bad = next(
            (
                name
                for name, parameter in watch.module.named_parameters()
                if not bool(torch.isfinite(parameter.detach()).all())
            ),
            None,
        )
        if any(each.is_floating_point() and not bool(torch.isfinite(each).all()) for each in data):
            stage = "data"
        elif bad is not None:
            stage, place = "weights", by_layer.get(bad.rpartition(".")[0])
        elif not torch.distributed.is_initialized():
            path = _first_not_finite(watch.module, args, kwargs)
            if path is not None:
                stage, place = "forward", by_layer.get(path)
                evidence["module"] = path
        if stage == "loss" and any(head.loss.takes == "values" for head in watch.heads.values()):
            stage = "values"
        evidence["stage"] = stage
        return Suspicion("nan", "nan", place, "error", certain=True, evidence=evidence)

    # Compiled models.

    def _look_for_compiled(self, watch: ModelWatch) -> None:
        found = wrapper_of(watch.module)
        if found is None:
            return
        watch.disarm()
        watch.outer, watch.is_compiled = found, True
        self._hook(watch)

    def _run_again(self, watch: ModelWatch) -> None:
        """Follow the original of a compiled model, on the same inputs."""
        call = self._calls.pop(id(watch), None)
        if call is None or not watch.armed:
            return
        observer = watch.observer
        observer.remove()
        watch.release_compiled()
        watch.armed = False
        watch._calls = 0
        watch._backward_over = False
        observer.phase = DONE
        watch.arm()
        try:
            with _quiet():
                output = run_again(watch.module, call, lambda out: next(tensors_of(out), None))
            info = observer.info(next(tensors_of(output), None))
            for head in watch.heads.values():
                if info is not None and head.place is None:
                    head.place, head.activated = info.place, info.activated
                    head.softmax, head.only = info.softmax, info.only
        finally:
            observer.phase = FORWARD
            observer.remove()

    # Reports.

    def report(self) -> Report:
        """All that was found until now."""
        findings = [
            finding
            for watch in self._watches
            for finding in watch.finder.findings.values()
            # What training got over has done no harm; what is certain stays.
            if finding.active or finding.fault.startswith(("nan", "wrong_head"))
        ]
        unseen = [*self._unseen]
        if self._attached or self._end:
            running = self._attached and not any(w.steps for w in self._watches)
            unseen += [] if running else [u for w in self._watches for u in w.unseen()]
        end = time.perf_counter() if self._attached else self._end
        usual = statistics.median(self._plain) if self._plain else None
        looked = 0.0
        if usual is not None and self._armed_times:
            extra = max(0.0, statistics.median(self._armed_times) - usual)
            looked = extra * sum(watch.observed for watch in self._watches)
        return Report(
            findings=tuple(judge.ordered(findings)),
            layers=tuple(layer for watch in self._watches for layer in history.layers(watch)),
            progress=tuple(p for watch in self._watches for p in watch.progress),
            models=tuple(watch.record() for watch in self._watches),
            unseen=tuple(unseen),
            cost=Cost(
                every=self._every or EVERY,
                seconds=looked + self._checking,
                total=max(0.0, end - self._begin) if self._begin else 0.0,
                bytes=sum(watch.peak_bytes for watch in self._watches),
            ),
            command=self._command,
            started=self._started,
            versions={"ogive": ogive.__version__, "torch": torch.__version__},
            ranks=1 + len(self._exchange.joined),
            notes=tuple(self._notes),
        )

    # The monitor's own failures.

    def _failed(self, error: Exception) -> None:
        """An error of the monitor never ends the training: it detaches."""
        if not self._attached:
            return
        self._note(error)
        try:
            self._release()
        except Exception as other:  # what is left of it passes everything on
            self._note(other)
        warnings.warn(self._notes[-1], stacklevel=2)

    def _note(self, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        at = f" ({Path(last[0].filename).name}:{last[0].lineno})" if last else ""
        self._notes.append(
            f"ogive.watch stopped watching, training goes on: {type(error).__name__}: {error}{at}"
        )


class _CallWrapper:
    """Stands around the compiled call of a module that was compiled by its own method."""

    def __init__(self, monitor: Monitor, watch: ModelWatch, module: nn.Module) -> None:
        self.module, self.compiled = module, module._compiled_call_impl
        compiled = self.compiled

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                if torch.is_grad_enabled():
                    monitor._called(watch, args, kwargs)
            except Exception as error:
                monitor._failed(error)
            assert compiled is not None
            output = compiled(*args, **kwargs)
            monitor._compiled_returned(watch, output)
            return output

        self.call = call
        module._compiled_call_impl = call

    def remove(self) -> None:
        if self.module.__dict__.get("_compiled_call_impl") is self.call:
            self.module._compiled_call_impl = self.compiled


class _quiet(warnings.catch_warnings):
    """What the original warns of when it runs again, it has said before."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")


def _first_not_finite(module: nn.Module, args: Any, kwargs: Any) -> str | None:
    """The first module that returns such a value, in one more forward pass."""
    found: list[str] = []
    handles = []

    def look(path: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if not found and any(
                not bool(torch.isfinite(each).all())
                for each in tensors_of(output)
                if each.is_floating_point()
            ):
                found.append(path)

        return hook

    for path, each in module.named_modules():
        handles.append(each.register_forward_hook(look(path)))
    try:
        call = Call(args, kwargs)
        with torch.no_grad():
            run_again(module, call, lambda _: None)
    except Exception:  # it is the user's model
        return None
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def _check_model(model: Any, name: str) -> None:
    what = f"{name}: " if name else ""
    if not isinstance(model, nn.Module):
        raise WatchError(f"{what}a torch.nn.Module is watched, not a {type(model).__name__}")
    module = unwrapped(original(model))
    if isinstance(module, torch.jit.ScriptModule):
        raise WatchError(
            f"{what}a torch.jit script runs out of sight: watch the module that was scripted"
        )
    parameters = list(module.parameters())
    if not parameters:
        raise WatchError(f"{what}{type(module).__name__} has no parameters: nothing to watch")
    if not any(each.requires_grad for each in parameters):
        raise WatchError(f"{what}all parameters of {type(module).__name__} are frozen")
