"""What the shells offer when Tab is pressed."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Outcome
from typer._completion_shared import get_completion_script

from srgan_cli.cli import completion
from srgan_cli.training.config import SETTINGS
from srgan_cli.weights.formats import list_weights

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("srgan upsc", ["upscale"]),
        ("srgan upscale --prec", ["--precision"]),
        ("srgan upscale -m srgan", ["srgan", "srgan-x2", "srgan-x4"]),
        ("srgan upscale --model b", ["bicubic"]),
        ("srgan upscale --device c", ["cpu", "cuda"]),
        ("srgan upscale --precision b", ["bf16"]),
        ("srgan upscale --format ti", ["tif", "tiff"]),
        ("srgan models fid", [name for name in list_weights() if name.startswith("fid")]),
        ("srgan export -m srcnn-", ["srcnn-x4"]),
        ("srgan score --metric l", ["lpips", "lpips-vgg"]),
        ("srgan score --protocol sr", ["sr-y", "sr-y-grey"]),
        ("srgan score --features v", ["vgg16"]),
        ("srgan score --baseline bicubic,la", ["bicubic,lanczos"]),
        ("srgan train --generator s", ["srresnet", "smfanet", "span", "srcnn", "swinir"]),
        ("srgan train --gan-loss h", ["hinge"]),
        ("srgan train --discriminator p", ["patch"]),
        ("srgan train --degradation m", ["mild"]),
        ("srgan train --teacher fidelity-jpeg", ["fidelity-jpeg", "fidelity-jpeg-x2", "fidelity-jpeg-x4"]),
    ],
)
def test_shells_offer_names(
    monkeypatch: pytest.MonkeyPatch, srgan: Callable[..., Outcome], shell: str, line: str, expected: list[str]
) -> None:
    monkeypatch.setenv("_SRGAN_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    outcome = srgan()
    assert outcome.err == ""
    assert all(name in outcome.out.replace('"', " ").split() for name in expected), outcome.out


@pytest.mark.parametrize(
    ("option", "typed", "offered"),
    [
        ("devices", "cpu,mp", ["cpu,mps"]),
        ("teacher", "srgan,fidelity-jpeg-x2", ["srgan,fidelity-jpeg-x2"]),
        *(("model", "srgan,fi", []), ("form", "png,j", []), ("init_from", "srgan,fi", []), ("precision", "fp32,b", [])),
    ],
)
def test_only_options_that_take_lists_are_completed_after_a_comma(option: str, typed: str, offered: list[str]) -> None:
    assert list(completion.COMPLETIONS[option](typed)) == offered
    assert list(completion.complete_devices("cpu,c")) == []


@pytest.mark.parametrize("key", ["generator", "gan_loss", "discriminator", "degradation"])
def test_settings_that_are_completed_have_choices(key: str) -> None:
    assert SETTINGS[key].accepts.choices  # type: ignore[union-attr]


def test_completion_is_fast_because_torch_is_not_imported() -> None:
    program = """
import sys
from srgan_cli.cli import completion
for complete in completion.COMPLETIONS.values():
    assert list(complete(""))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_filters_are_offered_where_no_weights_are_needed() -> None:
    offers = completion.complete_models_or_auto, completion.complete_models, completion.complete_weights
    assert [[*complete("bic"), *complete("aut")] for complete in offers] == [["bicubic", "auto"], ["bicubic"], []]


@pytest.mark.parametrize(
    ("shell", "words", "printed"),
    [
        ("bash", "srgan\nscore\n--metric\n=\npsnr,ss", "psnr,ssim\n"),
        ("fish", "srgan score --metric=psnr,ss", "--metric=psnr,ssim\n"),
        ("fish", "srgan upscale --device=cu", "--device=cuda\n--device=cuda:0\n--device=cuda:1\n"),
        ("zsh", "srgan upscale --precision=", """_arguments '*: :(("--precision=auto"\n"--precision=fp32"\n"""),
        ("zsh", "srgan train --config=", "_files\n"),
    ],
)
def test_shells_complete_the_value_after_an_equals_sign(
    srgan: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, shell: str, words: str, printed: str
) -> None:
    monkeypatch.setenv("_SRGAN_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", "4")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "" if shell == "bash" else words)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert srgan().out.startswith(printed)


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_completes_at_the_first_tab_after_the_installation(tmp_path: Path) -> None:
    script = get_completion_script(prog_name="srgan", complete_var="_SRGAN_COMPLETE", shell="zsh")
    (tmp_path / "_srgan").write_text(script)
    first_tab = "fpath=(.) CURRENT=1; autoload -Uz _srgan; compdef() { : }; env() { echo echo completed }; _srgan"
    done = subprocess.run(["zsh", "-fc", first_tab], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "completed\n"
