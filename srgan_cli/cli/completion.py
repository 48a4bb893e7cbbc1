"""What the shell offers for an option's value.  Nothing here imports torch."""

from collections.abc import Callable, Iterable, Iterator

_DEVICES = ("auto", "cpu", "cuda", "cuda:0", "cuda:1", "mps")
_PRECISIONS = ("auto", "fp32", "fp16", "bf16")
_KERNELS = ("bicubic", "lanczos", "nearest")
_FEATURES = ("inception", "squeezenet", "vgg16")


def complete_models(incomplete: str) -> Iterator[str]:
    """The shipped weights, their names without a scale, and the kernels."""
    from srgan_cli.weights.formats import family_name, list_weights

    names = list(list_weights())
    yield from _matching([*dict.fromkeys(map(family_name, names)), *names, *_KERNELS], incomplete)


def complete_models_or_auto(incomplete: str) -> Iterator[str]:
    """What `srgan upscale` chooses itself, and all that `complete_models` offers."""
    yield from _matching(["auto"], incomplete)
    yield from complete_models(incomplete)


def complete_metrics(incomplete: str) -> Iterator[str]:
    """The metrics."""
    from srgan_cli.metrics import METRICS, SET_METRICS

    yield from _matching([*METRICS, *SET_METRICS], incomplete)


def complete_formats(incomplete: str) -> Iterator[str]:
    """The suffixes that can be written, without the dot."""
    from srgan_cli.image.codec.capabilities import FORMATS

    yield from _matching((suffix[1:] for suffix in FORMATS), incomplete)


def complete_devices(incomplete: str) -> Iterator[str]:
    """The names of devices."""
    yield from _matching(_DEVICES, incomplete)


def complete_precisions(incomplete: str) -> Iterator[str]:
    """The number formats of inference."""
    yield from _matching(_PRECISIONS, incomplete)


def complete_features(incomplete: str) -> Iterator[str]:
    """The networks for FID and KID."""
    yield from _matching(_FEATURES, incomplete)


def complete_setting(key: str) -> Callable[[str], Iterator[str]]:
    """A function for the choices of a setting of a run."""

    def complete(incomplete: str) -> Iterator[str]:
        from srgan_cli.training.config import SETTINGS
        from srgan_cli.training.schema import OneOf

        accepts = SETTINGS[key].accepts
        yield from _matching(accepts.choices if isinstance(accepts, OneOf) else (), incomplete)

    return complete


def _matching(names: Iterable[str], incomplete: str) -> Iterator[str]:
    return (name for name in names if name.startswith(incomplete))
