"""How settings are declared: what they accept, and the flat key that files and options use."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from reprlib import repr as shown
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from srgan_cli.errors import UsageError

_HINT = "see srgan train --help"


@dataclass(frozen=True)
class Range:
    """The numbers that a setting accepts."""

    expected: str
    """The range in words."""
    accepts: Callable[[Any], bool]


class OneOf:
    """The names that a setting accepts."""

    def __init__(self, *choices: Any, prefix: str = "\0") -> None:
        """Names that start with `prefix` are accepted, too."""
        self.choices, self.prefix = choices, prefix
        self.expected = f"one of {', '.join(map(str, choices))}"

    def accepts(self, value: Any) -> bool:
        """Whether the value is one of the choices."""
        return value in self.choices or str(value).startswith(self.prefix)


@dataclass(frozen=True)
class Key:
    """The flat key of a field whose name differs from it."""

    text: str


@dataclass(frozen=True)
class Setting:
    """One setting: where it is, and what it accepts."""

    key: str
    """The flat key."""
    group: str
    """The field of TrainConfig that holds it; empty for TrainConfig itself."""
    field: str
    """The field of the group."""
    type: Any
    """float, int, str, bool, Path or tuple."""
    default: Any
    accepts: Range | OneOf | None

    def of(self, config: "Settings") -> Any:
        """The value in a TrainConfig."""
        return getattr(getattr(config, self.group) if self.group else config, self.field)


@dataclass(frozen=True)
class Settings:
    """A group of settings.  Raises UsageError for a setting outside its range."""

    def __post_init__(self) -> None:
        for setting in settings_of(type(self)):
            value = getattr(self, setting.field)
            if setting.accepts:
                message = f"{setting.key} is {shown(value)}, expected {setting.accepts.expected}"
                choices = setting.accepts.choices if isinstance(setting.accepts, OneOf) else ()
                near = get_close_matches(str(value), map(str, choices), 1)
                expect(setting.accepts.accepts(value), message, f"did you mean {near[0]}?" if near else _HINT)


def settings_of(group: type, name: str = "") -> list[Setting]:
    """The settings of a group."""
    hints = get_type_hints(group, include_extras=True)
    own = [field for field in fields(group) if field.default is not MISSING]
    return [_setting(hints[field.name], name, field.name, field.default) for field in own]


def _setting(hint: Any, group: str, field: str, default: Any) -> Setting:
    base, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    key = next((extra.text for extra in extras if isinstance(extra, Key)), field)
    accepts = next((extra for extra in extras if isinstance(extra, (Range, OneOf))), None)
    plain = get_args(base)[0] if isinstance(base, UnionType) else get_origin(base) or base
    return Setting(key, group, field, plain, default, accepts)


def expect(condition: bool, otherwise: str, hint: str = _HINT, *, option: str = "") -> None:
    """Raises UsageError with the message where the condition does not hold.  `option` is as in SrganError."""
    if not condition:
        raise UsageError(otherwise, hint, option=option)
