"""The entry point: how errors are printed, and exit codes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support import Outcome

from srgan_cli import __main__
from srgan_cli.upscaling import upscaler


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("upscale missing.png out.png", 1, "no such file: missing.png"),
        ("upscale text.png out.png", 1, "not a picture: text.png"),
        ("upscale cut.png out.png", 1, "cannot read cut.png"),
        ("upscale . out.png", 2, "out.png is one file, expected a folder for many pictures"),
        ("upscale in.png pictures/small.png out.png", 2, "out.png is one file"),
        ("upscale in.png pictures/small.png in.png", 2, "in.png is one file"),
        ("upscale pictures pictures", 2, "pictures/small.png is the input itself"),
        ("upscale empty pictures", 1, "no pictures in empty"),
        ("upscale in.png out/ --name {width}", 2, "the name '{width}' has {width}"),
        ("upscale in.png nowhere/out.png", 1, "no such folder: nowhere"),
        ("upscale in.png out.xyz", 2, "'.xyz'"),
        ("upscale in.png out", 2, "no suffix"),
        ("upscale in.png in.png", 2, "in.png is the input itself"),
        ("upscale text.png ./text.png --format y4m", 2, "text.png is the input itself"),
        ("upscale in.png out.png -m nosuch", 2, "no weights named 'nosuch'"),
        ("upscale in.png out.png -m nosuch.safetensors", 1, "no such weights file"),
        ("upscale in.png out.png -m in.png", 1, "in.png is no weights file"),
        ("upscale in.png out.png --device tpu", 2, "no device 'tpu'"),
        ("upscale in.png out.png --scale 0", 2, "cannot enlarge 0 times"),
        ("upscale in.png out.png --scale nan", 2, "cannot enlarge nan times"),
        ("upscale in.png out.png --tile -1", 2, "--tile"),
        ("upscale -", 2, "OUT is missing"),
        ("upscale", 2, "IN is missing"),
        ("upscale --from-file names.txt", 2, "hint: srgan upscale --from-file names.txt out/"),
        ("upscale in.png out", 2, "out has no suffix, which chooses the format"),
        ("upscale in.png --scale a", 2, "--scale is 'a', expected a number"),
        ("upscale in.png --tile a", 2, "found 'a'"),
        ("upscale in.png --overwrit", 2, "did you mean --overwrite?"),
        ("upscale in.png -o out.png", 2, "files need no option: srgan upscale [OPTIONS] IN... [OUT]"),
        ("upscale in.png --tta", 2, "did you mean --self-ensemble?"),
        ("upscale in.png -n srgan", 2, "did you mean -m, --model MODEL?"),
        ("upscale in.png --widht 9", 2, "srgan upscale --help lists the options"),
        ("upscale -r .", 2, "folders are searched with their subfolders"),
        ("train -o x pictures", 2, "did you mean --run FOLDER?"),
        ("train --epochs 3 pictures", 2, "did you mean --steps NUMBER?"),
        ("upscale in.png --no-steadi", 2, "did you mean --no-steady"),
        ("upscale in.png --over", 2, "did you mean --overwrite?"),
        ("upscale in.png -crf 20", 2, "no such option: -crf\n  hint: did you mean --crf?"),
        ("upscale in.png -scale 2", 2, "no such option: -scale\n  hint: did you mean --scale?"),
        ("upscale in.png -c 50", 2, "no such option: -c\n  hint: did you mean --quality NUMBER?"),
        ("score a b -o scores.csv", 2, "hint: scores go to stdout: srgan score … --csv > scores.csv"),
        ("i a.png b.png", 2, "no such command: i\n  hint: did you mean: srgan upscale a.png b.png"),
        ("version", 2, "no such command: version\n  hint: did you mean srgan --version?"),
        ("upscale m --nosuch", 2, "no such option: --nosuch\n"),
        ("models help", 2, "srgan models --help describes the command"),
        ("score in.png in.png -j 4", 2, "did you mean --jobs NUMBER?"),
        ("serve -o x", 2, "srgan serve --help lists the options"),
        ("models -r", 2, "srgan models --help lists the options"),
        ("-o x", 2, "srgan --help lists the options"),
        ("-V", 2, "srgan --version shows it"),
        ("upscale broken.png", 1, "it is a link to nowhere.png, which is missing"),
        ("score https://127.0.0.1/a.png in.png", 1, "URLs are for srgan upscale"),
        ("train https://127.0.0.1/a", 1, "URLs are for srgan upscale"),
        ("upscale my cat.png -m bicubic", 1, "a name with blanks needs quotes: 'my cat.png'"),
        ("upscale my own cat.png -m bicubic", 2, "a name with blanks needs quotes: 'my own cat.png'"),
        ("upscale im.png -m bicubic", 1, "did you mean in.png?"),
        ("upscale IN.PNG -m bicubic", 1, "did you mean in.png?"),
        ("upscale nowhere/in.png", 1, "there is no folder nowhere"),
        ("upscale **/in.png", 1, "there is no folder **; srgan expands no patterns"),
        ("upscale d[1]/inn.png", 1, "did you mean d[1]/in.png?"),
        ("upscale i*.png out/ -m bicubic", 1, "in a shell, write it without quotes"),
        ("upscale *.webp out/ -m bicubic", 1, "the pattern matched nothing"),
        ("upscale in.png -m realesrgan-x4plus", 2, "weights of other projects are named by their file or address"),
        ("in.png out.png", 2, "did you mean: srgan upscale in.png out.png"),
        ("-s 2 in.png", 2, "did you mean: srgan upscale -s 2 in.png"),
        ("--scale 2.5", 2, "srgan --help lists the options"),
        ("2.5", 2, "srgan --help describes them: upscale"),
        ("--json score a.png b.png", 2, "options go after the command: srgan score --json a.png b.png"),
        ("--device cpu upscale a.png", 2, "options go after the command: srgan upscale --device cpu a.png"),
        ("--versoin upscale a.png", 2, "did you mean --version?"),
        ("score in.png in.png --baseline hf://o/x,y.safetensors", 2, "cannot read hf://o/x,y.safetensors"),
        ("train pictures --low nope,dir", 1, "nope,dir"),
        ("upscal in.png", 2, "did you mean srgan upscale?"),
        ("enlarge", 2, "srgan --help describes them: upscale, score, train"),
        ("score", 2, "missing argument 'REF'"),
        ("score in.png --metric", 2, "'--metric' requires an argument"),
        ("train pictures --lr 1e-4", 2, "learning_rate is a setting"),
        ("train pictures --gan-los hinge", 2, "did you mean --gan-loss?"),
        ("train pictures --ema-decay 1", 2, "ema_decay is a setting"),
        ("score empty in.png", 1, "one is a file and the other a folder"),
        ("score empty empty", 1, "no pictures in empty"),
        ("score . pictures", 1, "no picture in pictures has the name of one in ."),
        ("score missing missing", 1, "no such file or folder: missing"),
        ("train missing", 1, "no such file or folder: missing"),
        ("train empty", 1, "no pictures in empty"),
        ("train pictures", 1, "0 usable pictures"),
        ("train pictures --time soon", 2, "cannot read the duration 'soon'"),
        ("train pictures --time 1h --steps 5", 2, "--time and --steps exclude each other"),
        ("train pictures --scale 7", 2, "scale is 7"),
        ("train pictures --resume", 1, "no checkpoint in run"),
        ("train --resume --config run.toml", 2, "keeps its settings, found --config"),
        ("train pictures --generator swinir --channels 10", 2, "the number of channels, 10, must be a multiple"),
        ("train pictures --init-from nosuch", 2, "no weights named 'nosuch'"),
        ("upscale in.png out.png -m bicubi", 2, "did you mean bicubic? available:"),
        ("upscale in.png out.png -m pictures", 2, "pictures is a folder, expected weights"),
        ("upscale in.png out.png -m in.png", 1, "weights end in: .safetensors"),
        ("upscale in.png ~/nosuch/out.png", 1, "the shell replaces ~"),
        ("upscale pictures in.png", 2, "did you mean: srgan upscale in.png pictures/"),
        ("upscale -dash.png out.png", 2, "is written as ./-dash.png"),
        ("upscale empty.png", 1, "empty.png is empty"),
        ("upscale in.png in.png", 2, "without OUT, a.png goes to a_x4.png"),
        ("models srgn", 2, "did you mean srgan?"),
        ("models auto", 2, "auto is a choice of weights for each file"),
        ("score in.png in.png --baseline auto", 2, "name what it chooses from: photo"),
        ("export out.onnx -m bicubic", 2, "bicubic is a filter without weights"),
        ("score", 2, "such as: srgan score originals/"),
        ("score in.png in.png --html", 2, "hint: srgan score --help"),
        ("score in.png in.png -s 2.5", 2, "--scale is '2.5', expected a whole number"),
        ("score in.png in.png --scale 0", 2, "--scale is '0', expected a whole number from 1 on"),
        ("upscale in.png out.png --max-memory 0.2", 2, "cannot read the memory size '0.2'"),
        ("train pictures --gan-loss hing", 2, "did you mean hinge?"),
        ("train pictures --config nosuch.toml", 2, "no such file: nosuch.toml"),
        ("nonsense", 2, "nonsense"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(
    srgan: Callable[..., Outcome],
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    code: int,
    message: str,
) -> None:
    folder = picture.parent
    monkeypatch.chdir(folder)
    for name in ("folder.png", "empty", "pictures", "d1", "d[1]"):
        (folder / name).mkdir()
    (folder / "text.png").write_text("not a picture")
    for name in ("empty.png", "-dash.png", "my cat.png", "my own cat.png"):
        (folder / name).touch()
    (folder / "broken.png").symlink_to("nowhere.png")
    for name in ("d1", "d[1]"):
        (folder / name / "in.png").touch()
    (folder / "cut.png").write_bytes(picture.read_bytes()[:150])
    Image.new("RGB", (9, 9)).save(folder / "pictures/small.png")
    outcome = srgan(*arguments.split())
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (folder / "out.png").exists()
    assert not (folder / "run").exists()


def test_unexpected_errors_are_one_line_and_have_a_traceback_with_debug(
    srgan: Callable[..., Outcome],
    picture: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("sparks\nand smoke")

    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", fail)
    arguments = ("upscale", picture, picture.with_name("out.png"), "-m", weights)
    outcome = srgan(*arguments)
    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == "srgan: RuntimeError: sparks"
    monkeypatch.setattr(sys, "argv", ["srgan", *map(str, arguments), "--debug"])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 1
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out of memory"),
        (OSError(28, "No space left on device", "/x"), "No space left on device: /x"),
    ],
    ids=["memory", "memory of the GPU", "disk"],
)
def test_errors_of_the_system_are_reported_in_plain_words(
    srgan: Callable[..., Outcome],
    picture: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", fail)
    outcome = srgan("upscale", picture, picture.with_name("out.png"), "-m", weights)
    assert (outcome.code, outcome.err.splitlines()[0]) == (1, f"srgan: {message}")
    assert "bug" not in outcome.err


@pytest.mark.parametrize("turned_into", [None, ValueError("unknown"), SystemExit(1)], ids=["", "error", "exit"])
def test_an_interrupt_exits_with_130(
    srgan: Callable[..., Outcome],
    picture: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    turned_into: BaseException | None,
) -> None:
    """Also where a library catches it and raises something else."""

    def interrupt(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if turned_into:
                raise turned_into from None
            raise

    monkeypatch.setattr(upscaler.Upscaler, "upscale_stream", interrupt)
    outcome = srgan("upscale", picture, picture.with_name("out.png"), "-m", weights)
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert "bug" not in outcome.err


@pytest.mark.parametrize(
    ("answer", "more", "defaults", "code", "replaced"),
    [
        *(("y", (), "", 0, True), ("", (), "", 2, False), ("n", (), "", 2, False), (None, ("--json",), "", 2, False)),
        (None, (), "json = true", 2, False),
    ],
    ids=["yes", "empty", "no", "JSON", "JSON by default"],
)
def test_on_a_terminal_an_existing_output_is_asked_for(
    picture: Path, answer: str | None, more: tuple[str, ...], defaults: str, code: int, replaced: bool
) -> None:
    pty = pytest.importorskip("pty", reason="terminals of this system are different")
    target = picture.with_name("out.png")
    target.write_bytes(b"mine")
    (picture.parent / "srgan.toml").write_text(f"[upscale]\n{defaults}")
    terminal, end = pty.openpty()
    line = [sys.executable, "-m", "srgan_cli", "upscale", "in.png", "out.png", "-m", "bicubic", *more]
    running = subprocess.Popen(line, stdin=end, stderr=end, stdout=subprocess.PIPE, cwd=picture.parent)
    os.close(end)
    if answer is not None:
        seen = b""
        while b"out.png exists already. Overwrite? [y/N] " not in seen:
            seen += os.read(terminal, 1024)
        os.write(terminal, f"{answer}\n".encode())
    running.communicate(timeout=60)
    os.close(terminal)
    assert running.returncode == code
    assert (target.read_bytes() != b"mine") is replaced


ENDS = """
import atexit, sys
from srgan_cli import __main__

class Loaded:
    def __del__(self): print("torn down")

loaded = Loaded()

def main():
    atexit.register(print, "handler")
    print("printed")
    sys.exit(int(sys.argv[1]))

__main__.main = main
__main__.run()
"""


@pytest.mark.parametrize("code", [0, 1, 130])
def test_exit_skips_teardown_but_not_exit_handlers(code: int) -> None:
    """Exit handlers run, and what was printed into a pipe arrives."""
    done = subprocess.run([sys.executable, "-c", ENDS, str(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "printed\nhandler\n")
