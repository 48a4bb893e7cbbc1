"""The help and the errors of the command line, in one style for all commands."""

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from srgan_cli.cli.completion import completed_after_equals_sign
from srgan_cli.cli.defaults import drop_overridden, drop_unfit, print_defaults
from srgan_cli.cli.options import ARGUMENTS
from srgan_cli.cli.stdio import confirm_overwrite, keep_streams, translate_stdout_errors
from srgan_cli.errors import OutputExists, SrganError, UsageError
from srgan_cli.system.discovery import READABLE

if TYPE_CHECKING:
    from rich.panel import Panel

Rows = list[tuple[str, str]]  # names and descriptions
HELP_NAMES = ["-h", "--help"]
PANELS = {
    "Everyday": "model purpose scale size baseline metric sets by_folder run recipe time steps resume check held_out "
    "host port",
    "Quality": "strength self_ensemble consistent steady protocol border on_mismatch features low pair unpaired "
    "degradation generator channels blocks batch_norm init_from discriminator gan_loss adversarial_weight "
    "perceptual_weight perceptual_weights pretrain_fraction batch patch teacher teacher_weight teacher_self_ensemble "
    "bands value_range rgb_bands seed",
    "Output": "name form quality lossless codec crf preset cog overwrite no_clobber strict quiet as_json as_csv "
    "as_markdown as_latex no_interval figure crop html fail_under fail_over log",
    "Speed and memory": "device precision compile tile max_memory jobs",
    "Many machines": "devices on",
    "Rare": "from_file start duration deinterlace max_upload share metric_weights offline max_pixels verify_tiles "
    "no_config debug help",
}
"""The options below each heading, in the order of their use."""
_METAVARS = {
    **dict.fromkeys(("run", "held_out", "low", "unpaired", "metric_weights"), "FOLDER"),
    **dict.fromkeys(("model", "baseline", "teacher", "init_from"), "MODEL"),
    **dict.fromkeys(("precision", "features", "degradation", "generator", "discriminator", "gan_loss", "log"), "NAME"),
    **dict.fromkeys(("name", "codec", "preset"), "NAME") | dict.fromkeys(("time", "start", "duration"), "TIME"),
    **{"rgb_bands": "LIST", "devices": "LIST", "value_range": "LOW,HIGH", "bands": "NUMBER", "pair": "TEMPLATE"},
    **{"metric": "METRIC", "device": "DEVICE", "form": "SUFFIX", "fail_under": "METRIC=NUMBER", "host": "ADDRESS"},
    **{"fail_over": "METRIC=NUMBER", "crop": "X,Y,W,H", "size": "WxH", "max_memory": "SIZE", "from_file": "FILE"},
    "perceptual_weights": "FILE",
}
"""What options take, by their name, where the type does not say it."""
_OTHER_NAMES = {
    "--width --height -w --resolution --resize": "--size",
    "--tta -x --ensemble": "--self-ensemble",
    "--gpu --gpu-id -g --cpu --cuda": "--device",
    "-n --model-name --model-path --weights": "--model",
    "-f --ext --output-format": "--format",
    "--tile-size -t --tilesize": "--tile",
    "-c --compress": "--quality",
    "--factor --outscale --upscale --ratio -z --model-scale --output-scale": "--scale",
    "--fp16 --half --fp32 --bf16": "--precision",
    "-y --force": "--overwrite",
    "--skip-existing --skip": "--no-clobber",
    "-j --threads --workers --jobs": "--devices",
    "-j --threads --workers": "--jobs",
    "-v --verbose": "--debug",
    "--epochs --iterations --iter": "--steps",
    "-o --output --output-dir --save-dir": "--run",
    "--crop-border --shave": "--border",
    "--metrics": "--metric",
    "--batch-size --bs": "--batch",
    "--patch-size --crop-size": "--patch",
    "-m --model --pretrained --weights": "--init-from",
    "-m --model": "--baseline",
}
"""What options of other programs are called here."""
_ANSWERS = {
    "-i --input --image -o --output --out --outdir --output-dir --input-path --output-path": (
        "files need no option: {usage}",
        ("upscale", "score", "train", "export"),
    ),
    "-o --output --out": ("scores go to stdout: srgan score … --csv > scores.csv", ("score",)),
    "-r --recursive": ("folders are searched with their subfolders; --size sets a size", ("upscale",)),
    "-V --version": ("srgan --version shows it", ()),
}
"""What to do instead of options of other programs, and for which commands that is true; () for all."""
_SIMILAR = 0.75  # how similar an option must be to be suggested, from 0 to 1
_PLAIN_WORDS = {
    **{"Input should be ": "expected ", "a valid integer": "a whole number", "a valid number": "a number"},
    **{"greater than or equal to": "at least", "less than or equal to": "at most"},
}
"""What stands in place of words of Typer's errors."""
_TYPES = {int: "NUMBER", float: "NUMBER", Path: "FILE"}
_CLICK_ERROR: type[Any] = typer.BadParameter.__mro__[2]
"""ClickException, which newer versions of Typer keep in a private module."""


class Command(TyperCommand):
    """A command whose help shows an example first, and its options by their use."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; it overrides the defaults file."""
        try:
            if not ctx.resilient_parsing:
                self._check_arguments(ctx, args)
            with translate_stdout_errors():
                rest = super().parse_args(ctx, args)
            drop_overridden(ctx)
        finally:
            print_defaults(ctx)
        return rest

    def _check_arguments(self, ctx: Any, args: list[str]) -> None:
        """Raises UsageError for an empty argument, taken for the working folder, for `help` and for `-scale`."""
        options = {name for item in self.get_params(ctx) for name in item.opts}
        for word in args[: args.index("--") if "--" in args else None]:
            if word[:1] == "-" and f"-{word.partition('=')[0]}" in options:  # Typer splits it into letters
                raise UsageError(f"no such option: {word}", f"did you mean -{word}?")
        given = self.make_parser(ctx).parse_args(list(args))[0]
        values = [given.get(item.name) for item in self.params if item.param_type_name == "argument"]
        if any(value == "" or (isinstance(value, tuple) and "" in value) for value in values):
            raise UsageError("one of the arguments is empty", "is a variable of the shell unset?")
        if args == ["help"] and not Path(*args).exists():
            raise UsageError("no such file or folder: help", f"srgan {self.name} --help describes the command")
        ctx.meta[ARGUMENTS] = list(args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and again without a default of the file that does not fit, or where a person overwrites.

        Of the processes of torchrun the first runs those that do not share their work.
        """
        several, rank = os.environ.get("WORLD_SIZE", "1") != "1", os.environ.get("RANK", "0")
        if self.name not in ("upscale", "train") and several and rank != "0":
            return None
        with keep_streams():
            while True:
                try:
                    return super().invoke(ctx)
                except OutputExists as error:
                    asked = ctx.params.get("overwrite") or ctx.params.get("as_json")
                    if asked or not confirm_overwrite(error, sys.argv):
                        raise
                    ctx.params["overwrite"] = True
                except SrganError as error:
                    if not drop_unfit(ctx, error):
                        raise

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the help."""
        from rich.console import Console
        from rich.text import Text

        screen = Console(highlight=False)
        with screen.capture() as drawn:
            for text in (f"Usage: {usage(self)}\n{self.epilog or ''}", *paragraphs(self)):
                screen.print(Text(f"{text}\n"))
            sections = list(panels(self))
            widest = max(len(name) for _, rows in sections for name, _ in rows)
            for heading, rows in sections:
                screen.print(_panel(heading, rows, min(widest, 2 * screen.width // 5)))
        formatter.write(drawn.get())


class Group(TyperGroup):
    """The commands of srgan.  Its errors are UsageErrors."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line and exit.  Raises UsageError."""
        try:
            with completed_after_equals_sign():
                sys.exit(super().main(*args, **{**options, "standalone_mode": False}) or 0)
        except typer.Abort:
            sys.exit(1)
        except _CLICK_ERROR as error:
            raise translate(error, self.commands) from error

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command; without any arguments, write the help on stderr and exit with 2."""
        if not args and not ctx.resilient_parsing:
            sys.stderr.write(f"{ctx.get_help()}\n")
            raise typer.Exit(2)
        with translate_stdout_errors():
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command.  Raises UsageError with the command that was meant."""
        name = args[0]
        if name in self.commands or name.startswith("-"):
            return super().resolve_command(ctx, args)
        hint, words = f"srgan --help describes them: {', '.join(self.commands)}", args[not _may_be_file(name) :]
        if close := get_close_matches(name, self.commands, 1):
            hint = f"did you mean srgan {close[0]}?"
        elif any(f"--{name}" in option.opts for option in _visible(self, "option")):
            hint = f"did you mean srgan --{name}?"
        elif any(map(_may_be_file, words)):
            hint = f"did you mean: srgan upscale {shlex.join(words)}"
        raise UsageError(f"no such command: {name}", hint)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write what each command does, with an example of each.  Without rich, which would double the time."""
        lines = ["Usage: srgan COMMAND [OPTIONS] …", *(f"\n{_fill(text)}" for text in paragraphs(self)), ""]
        for name, command in self.commands.items():
            lines += [_fill(paragraphs(command)[0].partition(". ")[0].rstrip("."), f"  {name:9}")]
            lines += [f"{'':11}{example(command)}", ""]
        lines += [_fill(o.help or "", f"  {', '.join(sorted(o.opts, key=len)):22}") for o in _visible(self, "option")]
        formatter.write("\n".join([*lines, "\nsrgan COMMAND --help shows the options of a command.\n"]))


def paragraphs(command: Any) -> list[str]:
    """The description of a command, a line for each paragraph."""
    return [" ".join(text.split()) for text in (command.help or "").split("\n\n")]


def example(command: Any) -> str:
    """The example of a command."""
    return str(command.epilog or "").removeprefix("Example: ")


def usage(command: Any) -> str:
    """The form of a command line."""
    return " ".join(["srgan", command.name, "[OPTIONS]", *(name for name, _ in _arguments(command))])


def panels(command: Any) -> Iterator[tuple[str, Rows]]:
    """Headings with the names and descriptions below them: of arguments first, then of options by their use."""
    rows = {option.name: (label(command, option), description(option)) for option in _visible(command, "option")}
    if arguments := _arguments(command):
        yield "Arguments", arguments
    for heading, names in PANELS.items():
        if within := [rows[name] for name in names.split() if name in rows]:
            yield heading, within


def label(command: Any, option: Any) -> str:
    """The names of an option and what it takes, such as `-s, --scale NUMBER`."""
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag or option.name == "help" else f"{names} {_metavar(command, option)}"


def description(option: Any) -> str:
    """The help of an option with its default, unless the help has one."""
    text, default = option.help or "", getattr(option.default, "value", option.default)
    hidden = default is None or default is False or default == "" or callable(default) or "[default" in text
    return text if hidden else f"{text} [default: {default}]"


def translate(error: Any, commands: Mapping[str, Any]) -> UsageError:
    """An error of Typer in the style of srgan's own."""
    name = next((word for word in sys.argv[1:2] if word in commands), "")
    command = f"srgan {name}".rstrip()
    if hasattr(error, "possibilities"):
        return _unknown_option(error, command)
    message = error.format_message().rstrip(".").partition(", unable to parse")[0].replace("Value error, ", "")
    for words, plain in _PLAIN_WORDS.items():
        message = message.replace(words, plain)
    found = [str(cause["input"]) for cause in getattr(error.__cause__, "errors", list)()][:1]
    shown = f", found {found[0]!r}" if found and repr(found[0]) not in message else ""
    lacks_argument = message.startswith("Missing argument")
    hint = f"such as: {example(commands[name])}" if lacks_argument else f"{command} --help shows what it takes"
    return UsageError(f"{message[:1].lower()}{message[1:]}{shown}", hint)


def _unknown_option(error: Any, command: str) -> UsageError:
    """Name the option or, for training, the setting that was meant."""
    name, visible = error.option_name, _visible(error.ctx.command, "option")
    options = {word: item for item in visible for word in (*item.opts, *item.secondary_opts)}
    begun = [word for word in options if name.startswith("--") and word.startswith(name)]
    near = begun[:2] or get_close_matches(name, options, 2, _SIMILAR)
    hint = f"did you mean {' or '.join(near)}?" if near else f"{command} --help lists the options"
    if not near and (commands := getattr(error.ctx.command, "commands", ())):
        hint = _command_first(commands, sys.argv[1:]) or hint
    for names, (answer, commands) in _ANSWERS.items():
        if name in names.split() and (not commands or error.ctx.command.name in commands):
            hint = answer.format(usage=usage(error.ctx.command))
    for names, own in _OTHER_NAMES.items():
        if name in names.split() and (option := options.get(own)):
            hint = f"did you mean {label(error.ctx.command, option)}?  {description(option)}"
    if command.endswith(" train") and name.startswith("--") and (setting := _setting_like(name)):
        own = f"--{setting.replace('_', '-')}"
        into_file = f"{setting} is a setting: write it into a file, such as run.toml, and use --config run.toml"
        hint = f"did you mean {own}?" if own in options else into_file
    if files := [word for word in sys.argv if word.startswith(name) and Path(word).exists()]:
        hint = f"a file whose name begins with a dash is written as ./{files[0]}"
    return UsageError(f"no such option: {name}", hint)


def _command_first(commands: Mapping[str, Any], words: list[str]) -> str:
    """The hint for options before the command, or without one before a file."""
    if named := next((word for word in words if word in commands), ""):
        place = words.index(named)
        return f"options go after the command: srgan {shlex.join([named, *words[:place], *words[place + 1 :]])}"
    return f"did you mean: srgan upscale {shlex.join(words)}" if any(map(_may_be_file, words)) else ""


def _may_be_file(word: str) -> bool:
    return Path(word).exists() or Path(word).suffix.lower() in READABLE


def _setting_like(option: str) -> str:
    """The setting of a run that is only in recipes and has this name, or this one in short."""
    from srgan_cli.training.config import SETTINGS

    if (name := option.lstrip("-").replace("-", "_")) in SETTINGS:
        return name
    initials = {"".join(word[0] for word in key.split("_")): key for key in reversed(SETTINGS)}
    return initials.get(name) or next(iter(get_close_matches(name, SETTINGS, 1, 0.8)), "")


def _visible(command: Any, kind: str) -> list[Any]:
    parameters = command.get_params(typer.Context(command, help_option_names=HELP_NAMES))
    return [item for item in parameters if item.param_type_name == kind and not item.hidden]


def _arguments(command: Any) -> Rows:
    return [(item.metavar or item.name.upper(), item.help or "") for item in _visible(command, "argument")]


def _metavar(command: Any, option: Any) -> str:
    """What an option takes: its metavar, its choices or a word for its type."""
    if known := option.metavar or _METAVARS.get(option.name):
        return str(known)
    kinds = list(_parts(get_type_hints(command.callback)[option.name]))
    choices = "|".join(choice.value for kind in kinds for choice in getattr(kind, "__members__", {}).values())
    return choices or next((_TYPES[kind] for kind in kinds if kind in _TYPES), "TEXT")


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _fill(text: str, start: str = "") -> str:
    """The text in lines of the terminal's width, after `start`."""
    return textwrap.fill(text, shutil.get_terminal_size()[0], initial_indent=start, subsequent_indent=" " * len(start))


def _panel(heading: str, rows: Rows, width: int) -> "Panel":
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=width, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for name, text in rows:
        table.add_row(Text(name, style="bold"), Text(text))
    return Panel(table, title=heading, title_align="left", border_style="dim")
