"""Modules: torch's names, constructors, ``extra_repr`` and ``state_dict``, with Ogive's functions.

Activations take ``lean`` beside torch's arguments; losses take Ogive's options.
"""

from __future__ import annotations

from ._modules import CLASSES

globals().update(CLASSES)

__all__ = [*sorted(CLASSES)]
