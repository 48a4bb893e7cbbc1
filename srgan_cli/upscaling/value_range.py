"""Measurements as a network sees them: all bands at once, in the range of the weights."""

from dataclasses import replace

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.codec.samples import overlap
from srgan_cli.image.picture import ImageStream

_LEAST_OVERLAP = 0.1
"""The smallest part of a picture's range of values that must lie in that of weights of measurements."""


def fit_range(stream: ImageStream, bands: int, value_range: ValueRange, name: str) -> ImageStream:
    """A picture in the range of weights, with a note if its values are others.  Raises PictureError for other bands."""
    header = stream.header
    if len(header.pixels) != bands:
        found = f"{name} takes pictures of {bands} bands, this one has {len(header.pixels)}"
        raise PictureError(found, "take other weights")
    own = header.value_ranges or ((0.0, header.full_scale),)
    strange = next((ends for ends in own if overlap(ends, value_range) < _LEAST_OVERLAP), None)
    note = "its values of about {:.6g} to {:.6g} are not those of the weights, {:.6g} to {:.6g}"
    notes = header.notes if strange is None else (*header.notes, note.format(*strange, *value_range))
    ranges, colours = (value_range,) * bands, tuple(range(bands))
    return stream.map(lambda part: replace(part, rgb_bands=colours, value_ranges=ranges, notes=notes))
