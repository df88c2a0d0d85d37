"""The monitor as a callback of Lightning and of Hugging Face's Trainer."""

from __future__ import annotations

from functools import cache
from typing import Any

from .errors import WatchError


class _Watching:
    """What both have in common: a monitor from the start of training to its end."""

    monitor: Any = None

    def _begin(self, model: Any, options: dict[str, Any]) -> None:
        from .monitor import Monitor

        self.monitor = Monitor(model, **options)
        self.monitor.attach()

    def _end(self) -> None:
        if self.monitor is not None:
            self.monitor.detach()

    def report(self) -> Any:
        """What was found."""
        if self.monitor is None:
            raise WatchError("training has not begun: there is nothing to report")
        return self.monitor.report()


@cache
def lightning_callback() -> type:
    """`ogive.watch.LightningCallback`, a class since Lightning asks for its own as a base."""
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError:
            raise WatchError("LightningCallback needs Lightning: pip install lightning") from None

    class LightningCallback(_Watching, Callback):  # type: ignore[misc]
        """Watches a Lightning module while it is fitted.

        Parameters
        ----------
        **options
            As of `ogive.watch.Monitor`.

        Examples
        --------
        >>> watching = ogive.watch.LightningCallback()  # doctest: +SKIP
        >>> Trainer(callbacks=[watching]).fit(module)  # doctest: +SKIP
        >>> print(watching.report())  # doctest: +SKIP
        """

        def __init__(self, **options: Any) -> None:
            super().__init__()
            self.options = options

        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            self._begin(pl_module, self.options)

        def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
            self._end()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self._end()

    return LightningCallback


@cache
def trainer_callback() -> type:
    """`ogive.watch.TrainerCallback`."""
    try:
        from transformers import TrainerCallback as Base
    except ImportError:
        raise WatchError("TrainerCallback needs transformers: pip install transformers") from None

    class TrainerCallback(_Watching, Base):
        """Watches the model of a Hugging Face Trainer.

        Parameters
        ----------
        **options
            As of `ogive.watch.Monitor`.

        Examples
        --------
        >>> watching = ogive.watch.TrainerCallback()  # doctest: +SKIP
        >>> Trainer(model, arguments, callbacks=[watching]).train()  # doctest: +SKIP
        >>> print(watching.report())  # doctest: +SKIP
        """

        def __init__(self, **options: Any) -> None:
            self.options = options

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
        ) -> None:
            self._begin(model, self.options)

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._end()

    return TrainerCallback
