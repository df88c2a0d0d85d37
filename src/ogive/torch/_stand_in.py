"""Classes that stand in for those of a swapped model's modules.

Each is a subclass that shows itself as its base: by name, signatures, repr and pickle.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from ..calls.codegen import generated
from ._modules import OfCard


class EqualToBase(type):
    """Makes a stand-in equal to the class that it stands for, which ``is`` alone tells apart.

    Other libraries choose by ``type(module) == nn.ReLU`` and in tables by class. Not for a class
    whose methods call ``super()``: torch.compile looks for the next class by equality.
    """

    def __eq__(cls, other: object) -> bool:
        base = stands_for(cls)
        return cls is other or (base is not None and base == other)

    def __hash__(cls) -> int:
        return hash(stands_for(cls)) if stands_for(cls) else super().__hash__()


def stands_for(cls: type) -> type | None:
    """The class for which a stand-in was made; None of other classes."""
    return vars(cls).get("_ogive_of")


def stand_in(
    cls: type,
    make: Callable[..., type],
    options: tuple[Any, ...],
    write: Callable[[Callable[[], Any]], dict[str, Any]],
    ours: type | None = None,
) -> type:
    """A subclass of ``cls`` with what ``write`` gives; ``make(cls, *options)`` makes it again.

    With ``ours``, the module class that gives the function, it is equal to ``cls``.

    A class, not a forward of each instance: so forward is a bound method with the signature it had,
    and copies, replicas and pickles have their own. It is found among the subclasses, of which
    Python keeps no more than weak references, so it dies with its last module.
    """
    known: list[type] = type.__subclasses__(cls)
    for found in known:
        if stands_for(found) is cls and vars(found)["_ogive_made"] == (make, *options):
            return found
    before: Any = cls

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        # type(model)(...) makes a new model, which nobody swapped.
        self.__class__ = before
        self.__init__(*args, **kwargs)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        found = super(made, self).__reduce_ex__(protocol)
        if isinstance(found, str):
            return found
        anew, args, *rest = found
        args = tuple(before if a is made else a for a in args)
        return revived, (anew, args, make, options), *rest

    body = {
        **write(lambda: made), "__init__": like(before.__init__, __init__),
        "__reduce_ex__": __reduce_ex__, "__prepare_scriptable__": OfCard.__prepare_scriptable__,
        "_ogive_of": before, "_ogive_made": (make, *options),
        "__module__": before.__module__, "__qualname__": before.__qualname__,
        "__doc__": before.__doc__,
    }  # fmt: skip
    meta: Any = type(before)
    bases: tuple[type, ...] = (before,)
    if ours is not None:
        meta, bases = EqualToBase if meta is type else meta, (before, ours)
    made: Any = meta(before.__name__, bases, body)
    return made  # type: ignore[no-any-return]


def revived(
    anew: Callable[..., Any], args: tuple[Any, ...], make: Any, options: tuple[Any, ...]
) -> Any:
    """A module of a swapped model as `copy` and `pickle` make it anew."""
    module = anew(*args)
    module.__class__ = make(type(module), *options)
    return module


def like(of: Any, function: Any, scope: dict[str, Any] | None = None) -> Any:
    """A function that shows itself as another, signature and all."""
    made: Any = types.FunctionType(
        function.__code__.replace(), function.__globals__ if scope is None else scope,
        function.__name__, function.__defaults__, function.__closure__,
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(made, of, updated=())
    made.__signature__ = inspect.signature(of)
    made.__wrapped__, made._ogive_of = spelled(made), of
    return made


def original(function: Any) -> Any:
    """The function that another shows itself as; itself, if none."""
    return getattr(function, "_ogive_of", function)


def spelled(function: Any) -> Any:
    """The function, with the parameters of its signature in its code.

    For what unwraps a forward: fx reads the names there, and accelerate, which takes its own
    wrappers off, calls what it then finds, which must not be the original.
    """
    takes = inspect.signature(function).parameters.values()
    scope: dict[str, Any] = {"function": function}
    scope |= {f"d_{p.name}": p.default for p in takes if p.default is not p.empty}
    text: dict[Any, list[str]] = {kind: [] for kind in {p.kind for p in takes} | set(KINDS)}
    for p in takes:
        text[p.kind].append(p.name if p.default is p.empty else f"{p.name}=d_{p.name}")
    only, usual, more, named, rest = (text[kind] for kind in KINDS)
    header = [*only, *(["/"] if only else []), *usual]
    header += [f"*{more[0]}"] if more else ["*"] if named else []
    header += [*named, *(f"**{name}" for name in rest)]
    required = [p.name for p in takes if p.kind in KINDS[:2] and p.default is p.empty]
    optional = [p.name for p in takes if p.default is not p.empty]
    by_name = [p.name for p in takes if p.kind is KINDS[3]]
    positional = [p.name for p in takes if p.kind in KINDS[:2]]
    given = [f"**{name}" for name in rest]
    code = f"def spelled({', '.join(header)}):\n"
    if more:
        every = [*positional, f"*{more[0]}", *(f"{name}={name}" for name in by_name), *given]
        code += f"    if {more[0]}: return function({', '.join(every)})\n"
    pairs = "".join(f"({name!r}, {name}, d_{name}), " for name in optional)
    code += f"    named = {{k: v for k, v, default in ({pairs}) if v is not default}}\n"
    always = [f"{name}={name}" for name in by_name if name not in optional]
    call = [*required, *always, "**named", *given]
    code += f"    return function({', '.join(call)})\n"
    made: Any = generated("spelled", code, scope, f"spelled {function.__qualname__}")
    made.__name__, made.__qualname__ = function.__name__, function.__qualname__
    return made


KINDS = (
    inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)  # fmt: skip


def without_stand_in(cls: type, before: type) -> type | None:
    """A class with ``before`` again where its stand-in is; None where nothing can say how.

    torch's parametrisations and ``fully_shard`` derive a class of their own from a module's.
    """
    if stands_for(cls) is before:
        return before
    if not any(stands_for(base) is before for base in cls.__bases__):
        return None
    bases = tuple(before if stands_for(base) is before else base for base in cls.__bases__)
    body = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
    codes = [getattr(value, "__code__", None) for value in body.values()]
    if any(code and "__class__" in code.co_freevars for code in codes):  # a super() of the old one
        return None
    meta: Any = type(before)
    found: type = meta(cls.__name__, bases, body)
    return found


def rebind(module: Any, was: Any) -> None:
    """The forward of a module's class, kept in the module as a bound method, becomes that of the
    class that it has now. Libraries that put a forward of theirs around it keep it so.
    """
    for name, value in list(vars(module).items()):
        own = isinstance(value, types.MethodType) and value.__self__ is module
        if own and value.__func__ is was.forward:
            vars(module)[name] = types.MethodType(type(module).forward, module)


def has_own_forward(module: Any) -> bool:
    """Whether an instance has another forward than its class."""
    given = vars(module).get("forward")
    of_class = isinstance(given, types.MethodType) and given.__func__ is type(module).forward
    return given is not None and not of_class
