"""Upscaling of raw video."""

import io

import pytest
import torch

from srgan_cli.image.raw_video.y4m import read_frames, read_header
from srgan_cli.networks import GENERATORS
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.upscaling.video.raw import upscale_video

pytestmark = pytest.mark.usefixtures("one_core")


def test_video_is_upscaled_frame_by_frame_and_keeps_its_header() -> None:
    torch.manual_seed(0)
    upscaler = Upscaler(GENERATORS["srresnet"](scale=2, channels=4, blocks=1), torch.device("cpu"))
    target = io.BytesIO()
    frames = b"".join(b"FRAME Ip\n" + frame for frame in (bytes(72), bytes([200]) * 72))
    source = io.BytesIO(b"YUV4MPEG2 W8 H6 F30000:1001 Ip A1:1 C420mpeg2 XNOTE=1\n" + frames)
    assert upscale_video(source, target, upscaler) == ((6, 8), (12, 16), 2)
    first, written = target.getvalue().split(b"\n", 1)
    assert first == b"YUV4MPEG2 W16 H12 F30000:1001 Ip A1:1 C420mpeg2 XNOTE=1"
    assert len(written) == 2 * (len(b"FRAME Ip\n") + 12 * 16 * 3 // 2)
    target.seek(0)
    assert len(list(read_frames(target, read_header(target)))) == 2
