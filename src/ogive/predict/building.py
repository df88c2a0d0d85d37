"""A model from a user's file, for the command line."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import PredictError


def build_model(target: str, sizes: Sequence[int]) -> tuple[Any, Any]:
    """The module that ``FILE.py:FUNCTION`` returns, and a batch of that shape.

    Where the module's first layer is an embedding, the batch is of its indices.

    Parameters
    ----------
    target
        A file and the name of a function in it that takes no arguments.
    sizes
        Shape of the input, batch first.
    """
    return builder(target, sizes)()


def builder(target: str, sizes: Sequence[int]) -> Callable[..., tuple[Any, Any]]:
    """The function itself, made to return a batch too; what it takes, it is given."""
    file, _, name = target.rpartition(":")
    if not file or not name.isidentifier():
        raise PredictError(f"{target}: write FILE.py:FUNCTION, such as model.py:build")
    if not Path(file).is_file():
        raise PredictError(f"{file}: no such file")
    sys.path.insert(0, str(Path(file).resolve().parent))
    try:
        found = runpy.run_path(file, run_name="ogive_model")
    except Exception as error:
        raise PredictError(f"{file}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    if not callable(found.get(name)):
        near = [key for key, each in found.items() if callable(each) and key[0] != "_"]
        has = f"; it has {', '.join(near[:8])}" if near else ""
        raise PredictError(f"{file}: no function {name}{has}")
    try:
        import torch
    except ImportError:
        raise PredictError("predicting a model needs PyTorch: pip install torch") from None

    def build(*given: int) -> tuple[Any, Any]:
        try:
            module = found[name](*given)
        except Exception as error:
            raise PredictError(f"{target}: {type(error).__name__}: {error}") from error
        if not isinstance(module, torch.nn.Module):
            raise PredictError(
                f"{target} returns no torch.nn.Module, but a {type(module).__name__}"
            )
        draw = torch.Generator().manual_seed(0)
        first = next((m for m in module.modules() if any(True for _ in m.parameters(False))), None)
        if isinstance(first, torch.nn.Embedding):
            return module, torch.randint(first.num_embeddings, tuple(sizes), generator=draw)
        return module, torch.randn(tuple(sizes), generator=draw)

    return build
