"""Equivariance: a rotated or flipped input gives the rotated or flipped output.

Source: T. Cohen and M. Welling, Group Equivariant Convolutional Networks, ICML 2016 (arXiv:1602.07576), for the group
of the eight flips and quarter turns.  The paper builds kernels from smaller ones.  Here kernels start symmetric and
every gradient is made symmetric, which is equivalent and leaves an ordinary network; no library trains like that.
"""

import copy
from functools import cache
from math import isqrt

import torch
from torch import Tensor, nn

from srgan_cli.errors import UsageError
from srgan_cli.image.ops import orient
from srgan_cli.networks import Generator

ORIENTATIONS = 8
GROUPS = {"d4": tuple(range(ORIENTATIONS)), "c4": (0, 1, 2, 3), "d2": (0, 2, 4, 6), "d1": (0, 4)}
"""Flips and quarter turns; turns only; flips of both axes and the half turn; the horizontal flip."""
PROBE = 8  # side in pixels of the picture for the test of equivariance
TOLERANCE = 1e-4  # largest difference of outputs relative to the largest value


class Equivariance:
    """Keeps a generator equivariant in training by averaging gradients over the orientations of a group.

    Every eight hidden channels hold one feature in its eight orientations.  A flip or turn of the picture transforms
    the kernels and permutes these channels and the sub-pixels of the output.  Weights that are mapped to one another
    form an orbit; they are equal in an equivariant generator.
    """

    def __init__(self, generator: Generator, group: str) -> None:
        """Raises UsageError for batch norm, layers other than convolutions, and channels in other than eights."""
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in generator.modules()):
            hint = "omit --batch-norm, or set equivariance to off"
            raise UsageError("batch norm is not equivariant", hint, option="batch-norm")
        if not (convolutions := [module for module in generator.modules() if isinstance(module, nn.Conv2d)]):
            raise _unfit("this generator has no convolutions")
        if any(convolution.groups > 1 for convolution in convolutions):
            raise _unfit("depthwise convolutions are not equivariant")
        ends = {id(convolutions[0].weight): "in", id(convolutions[-1].weight): "out", id(convolutions[-1].bias): "out"}
        self._orbits = [(p, orbits(p.shape, ends.get(id(p), ""), group).to(p.device)) for p in generator.parameters()]

    @torch.no_grad()
    def draw(self) -> None:
        """Make random weights symmetric and keep their variance."""
        for parameter, places in self._orbits:
            _average(parameter.data, places, len(places) ** 0.5)

    @torch.no_grad()
    def average_gradients(self) -> None:
        """Replace every gradient by the mean of its orbit."""
        for parameter, places in self._orbits:
            if parameter.grad is not None:
                _average(parameter.grad, places)


def check_equivariant(generator: Generator, group: str, *, trained: bool) -> None:
    """Raises UsageError if the generator cannot be kept equivariant, or if its `trained` weights are not."""
    probe = copy.deepcopy(generator)
    equivariance = Equivariance(probe, group)
    for parameter in probe.parameters():
        nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    equivariance.draw()
    if not _is_equivariant(probe, group):
        raise _unfit("layers of this generator are not equivariant")
    if trained and not _is_equivariant(generator, group):
        hint = "omit --init-from, or set equivariance to off"
        raise UsageError("the initial weights are not equivariant", hint, option="init-from")


@cache
def orbits(shape: torch.Size, end: str, group: str) -> Tensor:
    """The orbits of a layer's weights, (orientations, orbits), as indices of the flattened weights.

    `shape` is that of a kernel (out, in, height, width) or of a bias (out).  `end` is `in` for the layer that takes the
    colours of the picture, `out` for the layer that makes sub-pixels.  Raises UsageError for hidden channels that are
    not a multiple of eight.
    """
    places = torch.arange(shape.numel()).view(shape)
    if len(shape) not in (1, 4):
        raise _unfit("layers of this generator are not convolutions")
    images = []
    for number in GROUPS[group]:
        moved = places[_sub_pixels(shape[0], number) if end == "out" else _channels(shape[0], number)]
        if len(shape) == 4:
            moved = orient(moved, number)
            moved = moved if end == "in" else moved[:, _channels(shape[1], number)]
        images.append(moved.flatten())
    carried = torch.stack(images)
    return carried[:, torch.unique(carried.amin(0))]


@cache
def _channels(count: int, number: int) -> Tensor:
    """The permutation of the hidden channels for an orientation of the picture."""
    if count % ORIENTATIONS:
        hint = f"give a multiple of {2 * ORIENTATIONS} as --channels"  # srcnn has layers with half of them
        raise UsageError(f"{count} channels cannot be equivariant", hint, option="channels")
    order = torch.empty(ORIENTATIONS, dtype=torch.long)
    order[[_composed(number, other) for other in range(ORIENTATIONS)]] = torch.arange(ORIENTATIONS)
    return (torch.arange(0, count, ORIENTATIONS)[:, None] + order).flatten()


def _sub_pixels(count: int, number: int) -> Tensor:
    """The permutation of the channels before a pixel shuffle for an orientation of the output."""
    side = isqrt(count // 3)
    if count != 3 * side**2 or not count:
        message = f"the last convolution of this generator gives {count} channels, expected sub-pixels of three colours"
        raise _unfit(message)
    return orient(torch.arange(count).view(3, side, side), number).flatten()


def _composed(last: int, first: int) -> int:
    square = torch.arange(4).view(2, 2)
    both = orient(orient(square, first), last)
    return next(number for number in range(ORIENTATIONS) if orient(square, number).equal(both))


def _is_equivariant(generator: Generator, group: str) -> bool:
    """Whether a random picture gives the same output in all orientations of a group."""
    picture = torch.rand(1, generator.bands, PROBE, PROBE, generator=torch.Generator().manual_seed(0))
    generator.eval()
    with torch.no_grad():
        upright = generator(picture)
        bound = TOLERANCE * upright.abs().amax()
        differences = (generator(orient(picture, number)) - orient(upright, number) for number in GROUPS[group])
        return all(bool(difference.abs().amax() <= bound) for difference in differences)


def _unfit(reason: str) -> UsageError:
    return UsageError(reason, "choose another --generator, or set equivariance to off")


def _average(values: Tensor, places: Tensor, factor: float = 1.0) -> None:
    flat = values.clone(memory_format=torch.contiguous_format).flatten()
    flat[places] = flat[places].mean(0).mul(factor).expand(places.shape)
    values.copy_(flat.view(values.shape))
