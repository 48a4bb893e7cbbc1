"""Reading the pictures of a plan: a reference and the result of each method."""

from pathlib import Path

from srgan_cli.errors import SrganError
from srgan_cli.image.codec.samples import read_on_white
from srgan_cli.image.luma import Array
from srgan_cli.scoring.methods import Method
from srgan_cli.scoring.plan import ScoringPlan


def load_pair(plan: ScoringPlan, method: Method, name: str, reference: Array) -> tuple[Array, Array]:
    """The compared part of a reference (1 or 3, H, W), and the method's picture, in sizes as the protocol says.

    Transparent pictures are flattened on white. Raises PictureError, and WeightsError if a model cannot be used.
    """
    if not method.baseline:
        candidate = load_pixels(method.files[name], max_pixels=plan.max_pixels)
        return _match_size(reference, candidate, plan.protocol.mismatch)
    from srgan_cli.scoring.baselines import downscale_and_restore

    return downscale_and_restore(method.baseline, reference, plan.baseline_settings)


def load_pixels(picture: Path | Array, *, max_pixels: int | None = None) -> Array:
    """A picture in memory, or the first one of a file as float64 (1 or 3, H, W), flattened on white."""
    return read_on_white(picture, max_pixels=max_pixels) if isinstance(picture, Path) else picture


def load_pictures(plan: ScoringPlan, name: str) -> tuple[Array, dict[str, Array]]:
    """The reference with this name, and the pictures of the methods whose result has its size, (1 or 3, H, W)."""
    reference = load_pixels(plan.references[name], max_pixels=plan.max_pixels)
    found = {}
    for method in plan.methods_of(name):
        try:
            left, right = load_pair(plan, method, name, reference)
        except SrganError:  # the report lists it
            continue
        if left.shape[-2:] == right.shape[-2:]:
            found[method.name] = right
    height, width = (min(sides) for sides in zip(*(p.shape[-2:] for p in (reference, *found.values())), strict=True))
    return reference[:, :height, :width], {name: pixels[:, :height, :width] for name, pixels in found.items()}


def _match_size(reference: Array, candidate: Array, mismatch: str) -> tuple[Array, Array]:
    """Both pictures, with `crop` or `resize` in one size."""
    if mismatch == "resize" and reference.shape[-2:] != candidate.shape[-2:]:
        from srgan_cli.scoring.baselines import resize_to

        return reference, resize_to(candidate, *reference.shape[-2:])
    if mismatch == "crop":
        height, width = (min(sides) for sides in zip(reference.shape[-2:], candidate.shape[-2:], strict=True))
        return reference[:, :height, :width], candidate[:, :height, :width]
    return reference, candidate
