"""Learning the degradation of unpaired pictures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from srgan_cli.errors import SrganError
from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import downscale, resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.networks import Degrader
from srgan_cli.system.distributed import SINGLE_PROCESS
from srgan_cli.training.config import ADVERSARIAL, DEGRADATION, PIXEL, TrainConfig
from srgan_cli.training.data.dataset import Dataset, Pair, load_dataset
from srgan_cli.training.data.degradations import add_noise, convolve, gaussian
from srgan_cli.training.models import cycle_gan
from srgan_cli.training.models.learned_degradation import LearnedDegradation
from srgan_cli.training.optim.optimizer import ComputeContext
from srgan_cli.training.run.checkpoints import read_checkpoint
from srgan_cli.training.run.contact_sheet import PARTNERS
from srgan_cli.training.run.contact_sheet import SIDE as SIDE_OF_SAMPLES
from srgan_cli.training.run.initial_weights import prepare_run
from srgan_cli.training.trainer import Trainer

SIDE = 48


def scene(seed: int) -> Tensor:
    """Sharp shapes, (3, SIDE, SIDE), values 0…1."""
    random = np.random.default_rng(seed)
    pixels = torch.full((3, SIDE, SIDE), 0.5)
    for _ in range(30):
        top, left = random.integers(0, SIDE, 2)
        height, width = random.integers(3, 20, 2)
        pixels[:, top : top + height, left : left + width] = torch.from_numpy(random.random((3, 1, 1))).float()
    return pixels


def small(pixels: Tensor) -> Tensor:
    return resize(pixels, SIDE // 2, SIDE // 2)


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "blur": lambda high: small(convolve(high, gaussian(1.5))),
    "a colour cast": lambda high: small(high) * torch.tensor([1.0, 0.8, 0.6])[:, None, None],
    "noise": lambda high: add_noise(small(high), 0.08, torch.Generator().manual_seed(round(1e6 * float(high.mean())))),
}


def as_bytes(pixels: Tensor) -> Tensor:
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8)


def small_restorer(network: Callable[..., nn.Module], scale: int, **_: int) -> nn.Module:
    return network(scale, channels=8, blocks=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small restorer and a high learning rate."""
    monkeypatch.setattr(cycle_gan, "SRResNet", partial(small_restorer, cycle_gan.SRResNet))
    monkeypatch.setattr(cycle_gan, "RATE", 2e-3)


def learned(kind: str, steps: int) -> LearnedDegradation:
    """The learned degradation after some steps."""
    torch.manual_seed(0)
    pairs = [Pair(str(seed), as_bytes(downscale(scene(seed), 2)), as_bytes(scene(seed))) for seed in range(20)]
    unpaired = [as_bytes(KINDS[kind](scene(seed))) for seed in range(100, 120)]
    config = TrainConfig.from_settings(scale=2, patch=16, batch=4, discriminator_channels=8, device="cpu")
    degradation = LearnedDegradation(
        config, Dataset(pairs, [], [], unpaired), ComputeContext.for_device("cpu"), SINGLE_PROCESS
    )
    assert degradation.cycle
    for step in range(steps):
        degradation.cycle.set_learning_rate(min(1.0, (step + 1) / 20) * (1 - step / steps))
        losses, finite = degradation.train_step(step, torch.Generator().manual_seed(step))
        assert finite
        assert losses.keys() == {"adversarial", "cycle", "identity", "drift", "discriminator"}
    return degradation


def difference(kind: str, low: Tensor, true: Tensor, plain: Tensor) -> float:
    """The difference of pixels; for noise, whose pixels are random, the difference of its strength."""
    if kind == "noise":
        return abs(float((low.float() - plain.float()).std() - (true.float() - plain.float()).std()))
    return float((low.float() - true.float()).abs().mean())


def check_closer(kind: str, steps: int, fraction: float) -> None:
    """Learned partners of unseen pictures have at most this fraction of the error of bicubic ones."""
    unseen = [scene(seed) for seed in range(200, 206)]
    true = [as_bytes(KINDS[kind](high)) for high in unseen]
    bicubic = [as_bytes(downscale(high, 2)) for high in unseen]
    pairs = [Pair("", low, as_bytes(high)) for low, high in zip(bicubic, unseen, strict=True)]
    made = list(learned(kind, steps).partners(pairs))
    before, after = (
        fmean(difference(kind, *lows) for lows in zip(partners, true, bicubic, strict=True))
        for partners in (bicubic, made)
    )
    assert after < fraction * before, f"{after:.4f} after {before:.4f}"


@pytest.mark.parametrize(
    ("kind", "steps", "fraction"), [("blur", 40, 0.8), ("a colour cast", 120, 0.8), ("noise", 60, 0.9)]
)
def test_learned_partners_are_closer_to_the_real_degradation_than_bicubic_ones(
    kind: str, steps: int, fraction: float
) -> None:
    check_closer(kind, steps, fraction)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_untrained_degrader_gives_the_bicubic_reduction(scale: int) -> None:
    pictures = torch.rand(2, 3, 12 * scale, 10 * scale)
    reduced = Degrader(scale)(pictures, torch.randn(2, 1, 12, 10))
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(reduced[inner], resize(pictures, 12, 10)[inner], atol=1e-5, rtol=0)


@pytest.fixture
def config(tmp_path: Path, smooth_pictures: Path, small_run: Callable[..., TrainConfig]) -> TrainConfig:
    low = tmp_path / "low"
    low.mkdir()
    for seed in range(3):
        write_picture(Picture(KINDS["a colour cast"](scene(seed)).clamp(0, 1)), low / f"{seed}.png")
    (low / "broken.png").write_text("no picture")
    return small_run(smooth_pictures, unpaired=str(low), degradation_learning_fraction=0.5, channels=4)


def test_a_run_learns_the_degradation_and_trains_on_learned_partners(config: TrainConfig) -> None:
    dataset = load_dataset(config)
    assert [skip.path.name for skip in dataset.skipped] == ["broken.png"]
    bicubic = [pair.low.clone() for pair in dataset.training]
    reports = list(Trainer(prepare_run(config)[0], dataset).fit())
    assert [report.phase for report in reports] == [DEGRADATION] * 10 + [PIXEL] * 6 + [ADVERSARIAL] * 4
    assert reports[0].losses.keys() == {"adversarial", "cycle", "identity", "drift", "discriminator"}
    assert not any(torch.equal(pair.low, low) for pair, low in zip(dataset.training, bicubic, strict=True))
    assert reports[-1].bicubic != reports[0].bicubic, "that of the learned partners"
    assert read_picture(config.run.folder / PARTNERS / "sheet.png").height == SIDE_OF_SAMPLES
    state = read_checkpoint(config.run.folder)
    assert "degrader" in state
    assert "cycle" not in state


@pytest.mark.parametrize("break_at", [4, 13], ids=["degradation phase", "pixel phase"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    config: TrainConfig, tmp_path: Path, break_at: int
) -> None:
    whole = Trainer(prepare_run(config)[0], load_dataset(config))
    list(whole.fit())
    broken = config.replace(run=tmp_path / "broken")
    first = Trainer(prepare_run(broken)[0], load_dataset(broken))
    for report in first.fit():
        if report.step == break_at:
            first.stop()
    resumed = Trainer.resume(broken, load_dataset(broken), read_checkpoint(broken.run.folder))
    assert [report.step for report in resumed.fit()] == list(range(break_at + 1, 21))
    assert (resumed.held_out.psnr, resumed.held_out.bicubic) == (whole.held_out.psnr, whole.held_out.bicubic)
    for left, right in zip(whole.gan.ema.parameters(), resumed.gan.ema.parameters(), strict=True):
        assert torch.equal(left, right)


def test_a_folder_without_usable_unpaired_pictures_is_refused(config: TrainConfig) -> None:
    for path in Path(config.data.unpaired).iterdir():
        path.write_text("no picture")
    with pytest.raises(SrganError, match="no usable picture"):
        load_dataset(config)
