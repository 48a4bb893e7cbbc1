"""What the shell offers for an option's value.  Nothing here imports torch."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

from typer._completion_shared import _completion_scripts

Complete = Callable[[str], Iterator[str]]
_KERNELS = ("bicubic", "lanczos", "nearest")
_DEVICES = ("cpu", "cuda", "cuda:0", "cuda:1", "mps")
# zsh reads an installed script at the first Tab, which then has to complete, too
_completion_scripts["zsh"] += '[[ $zsh_eval_context[-1] != loadautofunc ]] || %(complete_func)s "$@"\n'


@contextmanager
def completed_after_equals_sign() -> Iterator[None]:
    """Let bash, for which `=` is a word of its own, and shells that want all of the word, complete `--model=fid`."""
    words, current = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD") or 0)
    if words[current - 1 : current] == ["="]:
        os.environ.update(COMP_WORDS="\n".join([*words[: current - 1], *words[current:]]), COMP_CWORD=str(current - 1))
    option = re.search(r"--[\w-]+=(?=\S*$)", os.environ.get("_TYPER_COMPLETE_ARGS", ""))
    if option is None:
        yield
        return
    offers = StringIO()
    try:
        with redirect_stdout(offers):
            yield
    finally:
        starts = r"""^(_arg[^"]+"|"|(?=[a-z\d]))"""  # of the words that zsh quotes, and of lines that are words
        sys.stdout.write(re.sub(starts, rf"\1{option[0]}", offers.getvalue(), flags=re.MULTILINE))


def _offer(find: Callable[[], Iterable[str]], *, lists: bool = False) -> Complete:
    """A function for the found words that begin with what is typed; of `lists`, the last: psnr,ss becomes psnr,ssim."""

    def complete(incomplete: str) -> Iterator[str]:
        known, comma, begun = incomplete.rpartition(",") if lists else ("", "", incomplete)
        return (f"{known}{comma}{word}" for word in find() if word.startswith(begun))

    return complete


def _weights() -> list[str]:
    """The shipped weights and their names without a scale."""
    from srgan_cli.weights.formats import family_name, list_weights

    names = list(list_weights())
    return [*dict.fromkeys(map(family_name, names)), *names]


def _formats() -> list[str]:
    from srgan_cli.image.codec.capabilities import FORMATS

    return [suffix[1:] for suffix in FORMATS]


def _metrics() -> list[str]:
    from srgan_cli.metrics import METRICS, SET_METRICS

    return [*METRICS, *SET_METRICS]


complete_weights = _offer(_weights)
complete_models = _offer(lambda: [*_weights(), *_KERNELS], lists=True)
complete_models_or_auto = _offer(lambda: ["auto", *_weights(), *_KERNELS])
complete_devices = _offer(lambda: ("auto", *_DEVICES))


def complete_setting(key: str) -> Complete:
    """A function for the choices of a setting of a run."""

    def choices() -> Iterable[str]:
        from srgan_cli.training.config import SETTINGS
        from srgan_cli.training.schema import OneOf

        accepts = SETTINGS[key].accepts
        return accepts.choices if isinstance(accepts, OneOf) else ()

    return _offer(choices)


COMPLETIONS: dict[str, Complete] = {
    **{"model": complete_models_or_auto, "baseline": complete_models, "metric": _offer(_metrics, lists=True)},
    **{"teacher": _offer(_weights, lists=True), "init_from": complete_weights, "form": _offer(_formats)},
    "devices": _offer(lambda: ("all", *_DEVICES), lists=True),
    "precision": _offer(lambda: ("auto", "fp32", "fp16", "bf16")),
    "features": _offer(lambda: ("inception", "squeezenet", "vgg16")),
    **{key: complete_setting(key) for key in ("degradation", "generator", "discriminator", "gan_loss", "log")},
}
"""By the name of the option, unless a command states another one."""
