"""Arguments of the public API are compared with their annotations, so that a wrong one is a UsageError.

`checked` decorates what `srgan_cli` exports.  An annotation `Annotated[int, range(1, 5)]` names the values, too.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence, Set
from contextlib import suppress
from functools import cache, partial, wraps
from inspect import isfunction, signature
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from srgan_cli.errors import UsageError

_NO_END = 2**63
Count = Annotated[int, range(_NO_END)]  # an integer from 0 on
Positive = Annotated[int, range(1, _NO_END)]  # an integer from 1 on
_TAKEN: dict[Any, Any] = {float: Real, int: Integral, tuple: tuple | list, list: tuple | list}
"""Numbers of NumPy are taken as well, a list or a row of an array for a tuple, and 4.0 for an integer."""
_WORDS: dict[Any, str] = {float: "a number", int: "an integer", str: "a text", bool: "True or False", NoneType: "None"}
_LONGEST_SHOWN = 40
PublicT = TypeVar("PublicT")


def checked(public: PublicT) -> PublicT:
    """The function with its arguments checked, or the class with those of its constructor and its public methods."""
    if isfunction(public):
        return cast(PublicT, _checked_function(public))
    for name, member in [*vars(public).items()]:
        if name in ("__init__", "__new__") or not name.startswith("_"):
            if isinstance(member, classmethod):
                setattr(public, name, classmethod(_checked_function(member.__func__)))
            elif isfunction(member):
                setattr(public, name, _checked_function(member))
    return public


def _checked_function(function: Any) -> Any:
    parameters = signature(function)

    @wraps(function)
    def call(*positional: Any, **named: Any) -> Any:
        hints, bound = _hints(function), None
        with suppress(TypeError):
            bound = parameters.bind(*positional, **named)
        if bound is None:
            return function(*positional, **named)  # raises the TypeError that names the function
        for name, value in bound.arguments.items():
            if name in hints and not _accepts(hints[name], value):
                bound.arguments[name] = changed = _plain(value)
                if not _accepts(hints[name], changed):
                    raise _refusal(function, name, value, hints[name])
        return function(*bound.args, **bound.kwargs)

    return call


def _plain(value: Any) -> Any:
    """A whole number as an integer, and the row of an array or tensor as a tuple."""
    if isinstance(value, Real) and not isinstance(value, Integral) and value % 1 == 0:
        return int(float(value))
    return tuple(value.tolist()) if getattr(value, "ndim", 0) == 1 else value


@cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of single arguments, without those that only type checkers import."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError:
        hints = {name: hint for name, hint in function.__annotations__.items() if not isinstance(hint, str)}
    parameters = signature(function).parameters
    return {name: hints[name] for name in hints.keys() & parameters if not parameters[name].kind.name.startswith("VAR")}


def _refusal(function: Callable[..., Any], name: str, value: object, hint: Any) -> UsageError:
    where = function.__qualname__.removesuffix(".__init__")
    shown = repr(value) if isinstance(value, str | bytes | Real | NoneType) else ""
    found = shown if 0 < len(shown) <= _LONGEST_SHOWN else f"of the type {type(value).__name__}"
    message = f"{where}: {name} is {found}, expected {' or '.join(dict.fromkeys(_described(hint)))}"
    return UsageError(message, f"help(srgan_cli.{where}) says what it takes")


def _described(hint: Any) -> list[str]:
    """The kinds that an annotation takes, in words."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, UnionType):
        return [word for part in parts for word in _described(part)]
    if kind is Literal:
        return [repr(value) for value in parts]
    if kind is Annotated:
        known = parts[1]
        if not isinstance(known, range):
            return [f"one of {', '.join(known)}"]
        values = f"from {known.start} {f'to {known[-1]}' if known.stop < _NO_END else 'on'}"
        return [f"{_described(parts[0])[0]} {values}"]
    if kind in (tuple, list):
        inner = ", ".join(" or ".join(_described(part)) for part in parts if part is not ...)
        return [f"a {kind.__name__} of {inner}"]
    return [_WORDS.get(hint, "a function" if kind is Callable else getattr(kind, "__name__", str(kind)))]


def _accepts(hint: Any, value: object) -> bool:
    """Whether a value has the annotated type.  What cannot be checked is accepted."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, UnionType):
        return any(_accepts(part, value) for part in parts)
    if kind is Literal:
        return isinstance(value, Hashable) and value in parts
    if kind is Annotated:
        return _accepts(parts[0], value) and (int(value) if isinstance(value, Integral) else value) in parts[1]
    if isinstance(value, bool) and kind in (float, int):
        return False
    try:
        is_kind = isinstance(value, _TAKEN.get(kind, kind))
    except TypeError:  # a variable, a protocol, or Any
        return True
    if not is_kind or not parts or not isinstance(value, Sequence | Set | Mapping):
        return is_kind
    return not isinstance(value, str) and _accepts_parts(kind, parts, value)


def _accepts_parts(kind: Any, parts: tuple[Any, ...], value: Collection[Any]) -> bool:
    if isinstance(value, Mapping) and len(parts) == 2:
        return all(map(partial(_accepts, parts[0]), value)) and all(map(partial(_accepts, parts[1]), value.values()))
    if kind is tuple and parts[-1] is not ...:
        return len(parts) == len(value) and all(map(_accepts, parts, value))
    return all(map(partial(_accepts, parts[0]), value))
