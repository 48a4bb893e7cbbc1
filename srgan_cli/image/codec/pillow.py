"""Opening files with Pillow, by a list of its decoders and without its process-wide limit on pixels."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from srgan_cli.image.codec.capabilities import PILLOW_DECODERS

_SIGNATURE_BYTES = 16


def open_image(file: IO[bytes], formats: Sequence[str] = PILLOW_DECODERS) -> ImageFile.ImageFile:
    """An image whose pixels are not decoded yet.  Raises UnidentifiedImageError when none of the decoders accepts it.

    Unlike `Image.open`, this does not compare the size with `Image.MAX_IMAGE_PIXELS`, which is a setting of the whole
    process: callers check it themselves (see `limits`) before they decode.
    """
    file.seek(0)
    signature = file.read(_SIGNATURE_BYTES)
    Image.preinit()
    for name in formats:
        with suppress(KeyError, SyntaxError, IndexError, TypeError, struct.error):
            if name not in Image.OPEN:
                Image.init()
            factory, accept = Image.OPEN[name]
            accepted = accept is None or accept(signature)
            if accepted and not isinstance(accepted, str):  # a string says why this build of Pillow cannot read it
                file.seek(0)
                return factory(file, "")
    raise UnidentifiedImageError("no decoder accepts this file")
