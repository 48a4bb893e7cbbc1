"""The page of srgan serve, in a browser and through gradio's client."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import REPOSITORY

from srgan_cli.cli.serve.server import _address

pytest.importorskip("gradio", reason="needs srgan-cli[web]")
httpx = pytest.importorskip("httpx")
client = pytest.importorskip("gradio_client", reason="needs srgan-cli[web]")

CAT = REPOSITORY / "examples/cat.png"
PATIENCE = 120
MAX_PIXELS = 300 * 300
CHOICES = ("bicubic", "2", "of the weights", ".png", "of the format", False)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running page with small limits, which leaves no files when it ends."""
    scratch = tmp_path_factory.mktemp("scratch")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limits = ["--max-pixels", str(MAX_PIXELS), "--max-upload", "1"]
    command = [sys.executable, "-m", "srgan_cli", "serve", "--port", str(port), "-m", "bicubic", *limits]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)})
    assert server.stderr
    said = server.stderr.readline()
    assert f"http://127.0.0.1:{port}" in said
    yield f"http://127.0.0.1:{port}/"
    assert any(scratch.iterdir())
    server.terminate()
    assert "Traceback" not in server.communicate(timeout=PATIENCE)[1]
    assert not any(scratch.iterdir())


@pytest.fixture
def visitor(address: str, tmp_path: Path) -> Any:
    return client.Client(address, verbose=False, download_files=tmp_path / "downloads")


def enlarge(visitor: Any, *files: Path, choices: tuple[object, ...] = CHOICES) -> tuple[list[Path], str]:
    """The files that the page hands back, and what it says."""
    handled = [client.handle_file(file) for file in files]
    results, *_, report = visitor.predict(handled, *choices, api_name="/enlarge")
    return [Path(result) for result in results], report


def test_the_api_returns_a_picture_of_its_own_depth(visitor: Any, tmp_path: Path) -> None:
    deep = np.linspace(0, 65_535, 32 * 32).reshape(32, 32).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    (result,), report = enlarge(visitor, tmp_path / "deep.png")
    with Image.open(result) as image:
        assert (image.size, image.mode) == ((64, 64), "I;16")
    assert "deep.png: 32 x 32 to 64 x 64" in report


def test_quality_and_lossless_are_those_of_the_command(visitor: Any) -> None:
    sizes = []
    for choices in ((".webp", "5", False), (".webp", "95", False), (".webp", "of the format", True)):
        (result,), _ = enlarge(visitor, CAT, choices=(*CHOICES[:3], *choices))
        sizes.append(result.stat().st_size)
    assert sizes == sorted(sizes)
    for choices, message in (((".jpg", "101", False), "from 0 to 100"), ((".jpg", "90", True), "not written without")):
        with pytest.raises(Exception, match=message):
            enlarge(visitor, CAT, choices=(*CHOICES[:3], *choices))


@pytest.mark.parametrize(
    ("weights", "clean", "compressed"),
    [("auto", "srgan-x2", "photo-x4"), ("text", "fidelity-x2", "photo-fidelity-x4")],
)
def test_weights_are_chosen_by_the_file_with_the_reason(
    visitor: Any, tmp_path: Path, weights: str, clean: str, compressed: str
) -> None:
    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (12, 12), "red").save(tmp_path / name)
    choices = (weights, *CHOICES[1:])
    _, report = enlarge(visitor, tmp_path / "a.jpg", tmp_path / "b.png", choices=choices)
    assert re.search(rf"a\.jpg: .*, {compressed}, chosen for a JPEG of quality 75$", report, re.MULTILINE)
    assert re.search(rf"b\.png: .*, {clean}$", report, re.MULTILINE)


def test_a_format_that_libvips_cannot_read_has_a_preview(visitor: Any) -> None:
    pytest.importorskip("pillow_heif")
    (result,), _ = enlarge(visitor, CAT, choices=(*CHOICES[:3], ".heic", "of the format", False))
    (again,), _ = enlarge(visitor, result, choices=(*CHOICES[:3], ".png", "of the format", False))
    with Image.open(again) as image:
        assert image.size == (720, 480)


def test_files_beside_a_result_are_handed_back(visitor: Any, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    place = [(33550, "d", 3, (2.0, 2.0, 0.0), True), (33922, "d", 6, (0, 0, 0, 500.0, 900.0, 0), True)]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 3), np.uint8), extratags=place)
    results, _ = enlarge(visitor, tmp_path / "a.tif")
    assert [result.name for result in results][:2] == ["srgan.zip", "a_x2.png"]
    assert len(results) > 2


def test_several_pictures_come_with_an_archive_and_equal_names_stay_apart(visitor: Any, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Image.new("RGB", (10, 10), "red").save(tmp_path / "other/cat.png")
    results, _ = enlarge(visitor, CAT, tmp_path / "other/cat.png")
    assert [result.name for result in results] == ["srgan.zip", "cat_x2.png", "cat_x2-2.png"]
    with zipfile.ZipFile(results[0]) as stored:
        assert stored.namelist() == ["cat_x2.png", "cat_x2-2.png"]


def test_a_bad_file_does_not_stop_the_others(visitor: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    bad = [tmp_path / name for name in ("bad.png", "notes.txt", "clip.mp4")]
    results, report = enlarge(visitor, *bad, CAT, choices=(*CHOICES[:3], "as the input", *CHOICES[4:]))
    assert [result.name for result in results] == ["cat_x2.png"]
    assert all(f"**{path.name}**" in report for path in bad)
    assert "is a video" in report


@pytest.mark.parametrize(
    ("place", "choice", "message"),
    [
        (0, "nosuch", "weights 'nosuch' not offered"),
        (0, "/etc/passwd", "weights '/etc/passwd' not offered"),
        (0, ["bicubic"], "not offered"),
        (1, "four", "expected a number"),
        (2, None, "expected a number"),
        (3, "/../../a.png", "format '/../../a.png' not offered"),
        (4, "high", "expected a whole number"),
    ],
)
def test_a_choice_that_is_not_offered_is_a_message(visitor: Any, place: int, choice: object, message: str) -> None:
    with pytest.raises(Exception, match=re.escape(message)):
        enlarge(visitor, CAT, choices=(*CHOICES[:place], choice, *CHOICES[place + 1 :]))


@pytest.mark.parametrize("kind", ["hostile", "too many pixels", "none"])
def test_a_mistake_is_one_message_without_a_trace(visitor: Any, tmp_path: Path, kind: str) -> None:
    if kind == "hostile":
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    elif kind == "too many pixels":
        Image.new("L", (400, 400)).save(tmp_path / "a.png")
    expected = {"hostile": "a.png", "too many pixels": "pixels", "none": "no picture"}[kind]
    with pytest.raises(Exception, match=expected) as raised:
        enlarge(visitor, *(tmp_path.glob("a.png")))
    assert "Traceback" not in str(raised.value)
    assert "srgan-serve" not in str(raised.value)


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": ["a", *CHOICES]}, {"data": [[{"path": "/etc/passwd"}], *CHOICES]}]
)
def test_a_request_that_does_not_fit_prints_no_trace(address: str, body: dict[str, Any]) -> None:
    """The fixture reads what the server printed."""
    posted = httpx.post(f"{address}gradio_api/call/enlarge", json=body).json()
    answer = httpx.get(f"{address}gradio_api/call/enlarge/{posted['event_id']}", timeout=PATIENCE).text
    assert "this page cannot do that" in answer
    joined = {"data": [], "fn_index": 99, "session_hash": "a"}
    assert httpx.post(f"{address}gradio_api/queue/join", json=joined).status_code == 400


@pytest.mark.parametrize("path", ["monitoring", "monitoring/summary"])
def test_visitors_do_not_learn_of_others(address: str, path: str) -> None:
    assert httpx.get(f"{address}{path}").status_code == 403


def test_a_file_that_is_too_large_is_refused(visitor: Any, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(2 * 2**20))
    with pytest.raises(Exception, match=r"(?i)size|large|413"):
        enlarge(visitor, tmp_path / "large.png")


def test_two_visitors_get_their_own_results(address: str, tmp_path: Path) -> None:
    jobs = []
    for number, colour in enumerate(("red", "blue")):
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{colour}.png")
        one = client.Client(address, verbose=False, download_files=tmp_path / str(number))
        jobs.append(one.submit([client.handle_file(tmp_path / f"{colour}.png")], *CHOICES, api_name="/enlarge"))
    colours = []
    for job in jobs:
        with Image.open(job.result(PATIENCE)[0][0]) as image:
            colours.append(image.convert("RGB").getpixel((5, 5)))
    assert colours == [(255, 0, 0), (0, 0, 255)]


@pytest.mark.parametrize("public", [None, "https://a.gradio.live"])
def test_a_public_address_that_fails_is_a_line(public: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    page = SimpleNamespace(local_url="http://127.0.0.1:7860/", share_url=public)
    assert _address(page, is_shared=True) == (public or page.local_url)
    assert ("no public address" in capsys.readouterr().err) == (not public)


@pytest.fixture(params=[390, 1440])
def browser(request: pytest.FixtureRequest, address: str) -> Iterator[Any]:
    """The page in headless Chromium at a width in pixels."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if not shutil.which("chromedriver"):
        pytest.skip("no chromedriver")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    size = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(address)
    yield driver
    driver.quit()


def find(browser: Any, selector: str) -> Any:
    """The element, when the page has it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, PATIENCE).until(lambda page: page.find_elements("css selector", selector))[0]


def test_a_run_that_is_stopped_says_so(browser: Any, tmp_path: Path) -> None:
    """Without the word "Error"."""
    noise = np.random.default_rng(0).integers(0, 256, (299, 299, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "slow.png")
    find(browser, "#pictures input[type=file]").send_keys(str(tmp_path / "slow.png"))
    find(browser, "#pictures .file-preview")
    find(browser, "#preset input[value=sharp]").click()  # a network, which takes a while
    find(browser, "#enlarge").click()
    find(browser, "#compare .progress-level, #compare .meta-text, #compare .meta-text-center")
    find(browser, "#cancel").click()
    find(browser, "#report p")
    assert find(browser, "#report").text == "Stopped. Enlarge starts again."
    assert not any(element.is_displayed() for element in browser.find_elements("css selector", ".error"))


def compare(browser: Any) -> Any:
    """Enlarge a picture; the handle of the slider that shows it."""
    find(browser, "#pictures input[type=file]").send_keys(str(CAT))
    find(browser, "#pictures .file-preview")
    find(browser, "#enlarge").click()
    find(browser, "#compare img")
    handle, thumb = find(browser, "#compare [data-testid=slider][tabindex]"), find(browser, "#compare .icon-wrap")
    time.sleep(0.5)  # until the pictures are laid out
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", thumb)
    return handle


def test_a_picture_is_dropped_compared_and_taken_away(browser: Any) -> None:
    """By mouse and by keyboard, and the browser asks no other server for anything."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    slider = compare(browser)
    thumb = find(browser, "#compare .icon-wrap")
    places = [thumb.rect["x"]]
    halves = [
        browser.execute_script("return getComputedStyle(arguments[0], arguments[1]).content", found, half)
        for found in [find(browser, "#compare")]
        for half in ("::before", "::after")
    ]
    assert halves == ['"original"', '"result"']
    ActionChains(browser).move_to_element(thumb).click_and_hold().move_by_offset(-60, 0).release().perform()
    places.append(thumb.rect["x"])
    slider.send_keys(Keys.ARROW_RIGHT)
    places.append(thumb.rect["x"])
    assert places[1] < places[0] - 40
    assert places[2] > places[1]
    assert find(browser, "#results a[download]").get_attribute("href").endswith("cat_x4.png")
    width, shown = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= shown
    requests = [entry["message"] for entry in browser.get_log("performance") if "requestWillBeSent" in entry["message"]]
    asked = {host for message in requests for host in re.findall(r'"url":"\w+://([^/"]+)', message)}
    assert {host.partition(":")[0] for host in asked} == {"127.0.0.1"}


def test_wheel_buttons_and_keys_zoom_and_the_divider_goes_on(browser: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys

    slider, thumb = compare(browser), find(browser, "#compare .icon-wrap")

    def place() -> list[float]:
        """Zoom, and how far the picture is moved, of both pictures alike."""
        time.sleep(0.3)  # gradio glides
        form = "const {a, e, f} = new DOMMatrix(getComputedStyle(arguments[0]).transform); return [a, e, f]"
        one, other = (
            browser.execute_script(form, picture) for picture in browser.find_elements("css selector", "#compare img")
        )
        assert one == other
        return list(one)

    def boundary() -> float:
        """Where the result begins, on the screen."""
        picture = find(browser, "#compare img.fixed")
        part = float(re.findall("([0-9.]+)%", picture.get_attribute("style"))[0]) / 100
        box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", picture)
        return float(box["x"] + part * box["width"])

    assert place()[0] == 1
    for offset in (0, 40):  # over the divider, and beside it
        before = place()[0]
        ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(thumb, offset), 0, -100).perform()
        assert place()[0] > before * 1.15
    slider.send_keys("+")
    near = place()[0]
    ActionChains(browser).key_down(Keys.SHIFT).send_keys_to_element(slider, Keys.DOWN).key_up(Keys.SHIFT).perform()
    assert place()[2] < -10
    ActionChains(browser).move_to_element(thumb).click_and_hold().move_by_offset(-60, 0).release().perform()
    slider.send_keys(Keys.ARROW_LEFT)
    assert place()[0] == near
    assert abs(boundary() - thumb.rect["x"] - thumb.rect["width"] / 2) < 3
    find(browser, "#compare [title='Zoom in']").click()
    assert place()[0] > near
    find(browser, "#compare [title='Zoom out']").click()
    slider.send_keys("-")
    assert 1 < place()[0] < near
    slider.send_keys("0")
    assert place() == [1, 0, 0]
    find(browser, "#compare [title='Zoom in']").click()
    find(browser, "#compare [title='Whole picture']").click()
    assert place() == [1, 0, 0]
