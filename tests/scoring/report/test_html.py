"""The HTML page: its content, and its behaviour in a browser."""

import json
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.html import TEMPLATE, PageImage, write_page
from srgan_cli.scoring.report.summary import Report, Score

NAME = "a </script><b>"
METHODS = ("first", "second")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two methods and two pictures, one with a name that looks like markup."""
    values = {"first": (20.0, 30.0), "second": (25.0, 28.0)}
    scores = [
        Score(name, {"psnr": values[method][index], "ssim": 0.5 + index / 10}, method=method)
        for index, name in enumerate((NAME, "b"))
        for method in METHODS
    ]
    random = np.random.default_rng(0)
    shown = [
        PageImage(
            name, random.random((3, 24, 32), np.float32), {m: random.random((1, 24, 32), np.float32) for m in METHODS}
        )
        for name in (NAME, "b")
    ]
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(Report(Protocol(), scores, ["c"], []), shown, total=5, path=path)
    return path


class Tags(HTMLParser):
    """The tags of a page with their attributes, and the contents of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script" and data.strip():
            self.scripts[-1] += data


def parsed(page: Path) -> Tags:
    tags = Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    return tags


def content(page: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(parsed(page).scripts[0])
    return data


def test_page_works_offline_and_needs_no_other_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not {tag for tag, _ in parsed(page).tags} & {"link", "iframe", "object"}
    assert not any("src" in attributes for _, attributes in parsed(page).tags)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", text)


def test_a_name_cannot_end_the_script(page: Path) -> None:
    assert len(parsed(page).scripts) == 2
    assert content(page)["pictures"][0]["name"] == NAME


def test_page_contains_the_scores_and_the_number_of_pictures_left_out(page: Path) -> None:
    data = content(page)
    assert [method["mean"]["psnr"] for method in data["methods"]] == [25, 26.5]
    assert data["best"]["psnr"] == ["second"]
    assert data["shown"] == "2 of 5 pictures are shown."
    assert data["problems"] == ["c: only among the references"]
    assert len(data["scores"]) == 4


def test_pictures_are_stored_losslessly(page: Path) -> None:
    address = content(page)["pictures"][0]["images"]["reference"]
    with Image.open(BytesIO(b64decode(address.partition(",")[2]))) as image:
        found = np.asarray(image)
    expected = np.random.default_rng(0).random((3, 24, 32), np.float32)
    assert np.array_equal(found, np.rint(expected * 255).transpose(1, 2, 0))


def test_template_declares_its_language_and_contains_its_data_once() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert text.count("@DATA@") == 1
    assert '<html lang="en">' in text


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium; on a busy machine starting it may need a second attempt."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

    program = which("chromedriver")  # without this path selenium would download one
    if program is None:
        pytest.skip("no chromedriver here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for last in (False, True):
        try:
            driver = webdriver.Chrome(options=options, service=Service(program))
            break
        except (WebDriverException, OSError) as error:
            if last:
                pytest.skip(f"Chromium does not start: {str(error).splitlines()[0]}")
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any, page: Path) -> Any:
    """The page after its pictures are decoded."""
    chromium.get("about:blank")
    chromium.get(page.as_uri())
    wait_until(lambda: chromium.execute_script("return [...document.images].every(i => i.naturalWidth)"), True)
    return chromium


def wait_until(look: Callable[[], Any], expected: object) -> None:
    """Wait up to a minute until `look` returns what is expected."""
    end = time.monotonic() + 60
    while (found := look()) != expected and time.monotonic() < end:
        time.sleep(0.05)
    assert found == expected


def test_browser_shows_tables_plots_and_sliders_without_errors(browser: Any) -> None:
    assert browser.get_log("browser") == []
    assert len(browser.find_elements("css selector", "figure .stack img")) == 4
    assert len(browser.find_elements("css selector", "#distribution svg")) == 2
    assert len(browser.find_elements("css selector", "#scores tbody tr")) == 4
    widths = browser.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert widths == [32] * 4


@pytest.fixture(params=[(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")], ids=lambda p: f"{p[0]} {p[1]}")
def screen(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page on a phone and on a desktop, in both colour schemes."""
    width, scheme = request.param
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    wait_until(lambda: browser.execute_script("return innerWidth"), width)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def divider(browser: Any) -> Any:
    return browser.find_element("css selector", "[role=slider]")


def wait_for_divider(browser: Any, place: int) -> None:
    """Wait until the value, the divider with its thumb, and the edge of the left picture are at this percentage."""
    read = (
        "const stack = document.querySelector('.stack').getBoundingClientRect();"
        "const at = name => { const box = document.querySelector(name).getBoundingClientRect();"
        " return Math.round(100 * ((box.left + box.right) / 2 - stack.left) / stack.width); };"
        "return [at('.divider'), at('.thumb'), Number(document.querySelector('.divider').ariaValueNow),"
        " 100 - Math.round(parseFloat(document.querySelector('.left').style.clipPath.split(' ')[1]))]"
    )
    wait_until(lambda: browser.execute_script(read), [place] * 4)


def test_nothing_scrolls_sideways_and_every_picture_fits_its_frame(screen: Any) -> None:
    assert screen.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    beyond = (
        "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('svg')).map(e => e.outerHTML.slice(0, 99))"
    )
    assert screen.execute_script(beyond) == []
    fits = (
        "return [...document.querySelectorAll('.viewer')].every(v => v.scrollWidth <= v.clientWidth"
        " && v.scrollHeight <= v.clientHeight && v.clientHeight < innerHeight)"
    )
    assert screen.execute_script(fits)
    heights = "return [...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)"
    assert max(screen.execute_script(heights)) < 24


def test_text_contrasts_with_the_background(screen: Any) -> None:
    colours = (
        "const light = c => c.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 765;"
        "const style = getComputedStyle(document.body), back = getComputedStyle(document.documentElement);"
        "const dark = matchMedia('(prefers-color-scheme: dark)').matches;"
        "return [dark, light(style.color) > 0.5]"
    )
    dark, light_text = screen.execute_script(colours)
    assert dark == light_text


def test_the_reference_is_compared_with_a_candidate_first_and_both_halves_are_labelled(screen: Any) -> None:
    labels = [label.text for label in screen.find_elements("css selector", "figure:first-of-type .half span")]
    assert sorted(labels) == ["first", "reference"]
    assert screen.find_element("css selector", ".left span").text == "reference"
    menus = screen.find_elements("css selector", "figure:first-of-type select")
    assert [menu.get_attribute("value") for menu in menus] == ["reference", "first"]
    menus[0].send_keys("second")
    wait_until(lambda: screen.find_element("css selector", ".left span").text, "second")


def test_the_mouse_drags_the_divider_from_anywhere_on_the_picture(screen: Any) -> None:
    from selenium.webdriver import ActionChains

    stack = screen.find_element("css selector", ".stack")
    screen.execute_script("arguments[0].scrollIntoView({block: 'center'})", stack)
    width = stack.size["width"]
    mouse = ActionChains(screen, duration=50)
    mouse.move_to_element_with_offset(stack, round(-0.3 * width), 3).click().perform()
    wait_for_divider(screen, 20)
    mouse = ActionChains(screen, duration=50)
    mouse.move_to_element_with_offset(stack, round(-0.2 * width), 3).click_and_hold()
    mouse.move_to_element_with_offset(stack, round(0.2 * width), 9).release().perform()
    wait_for_divider(screen, 70)
    ActionChains(screen, duration=50).move_to_element_with_offset(stack, 0, 0).perform()
    wait_for_divider(screen, 70)


def test_a_finger_drags_the_divider(screen: Any) -> None:
    stack = screen.find_element("css selector", ".stack")
    screen.execute_script("arguments[0].scrollIntoView({block: 'center'})", stack)
    box = screen.execute_script("return arguments[0].getBoundingClientRect().toJSON()", stack)

    def touch(kind: str, share: float | None = None) -> None:
        at = [] if share is None else [{"x": box["x"] + share * box["width"], "y": box["y"] + box["height"] / 3}]
        screen.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", 0.3)
    for share in (0.4, 0.6, 0.8):
        touch("touchMove", share)
    touch("touchEnd")
    wait_for_divider(screen, 80)
    assert screen.execute_script("return document.scrollingElement.scrollLeft") == 0


def test_the_keyboard_moves_the_divider(screen: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    for key, place in (
        (Keys.HOME, 0),
        (Keys.ARROW_RIGHT, 1),
        (Keys.PAGE_UP, 11),
        (Keys.ARROW_LEFT, 10),
        (Keys.END, 100),
    ):
        divider(screen).send_keys(key)
        wait_for_divider(screen, place)


def test_keyboard_sorts_a_table(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    def column() -> list[str]:
        return [cell.text for cell in browser.find_elements("css selector", "#scores tbody td:nth-child(3)")]

    heading = browser.find_elements("css selector", "#scores th button")[2]
    heading.send_keys(Keys.ENTER)
    wait_until(column, ["20.00", "25.00", "28.00", "30.00"])
    heading.send_keys(Keys.ENTER)
    wait_until(column, ["30.00", "28.00", "25.00", "20.00"])
    assert browser.find_elements("css selector", "#scores th")[2].get_attribute("aria-sort") == "descending"


def test_zoom_enlarges_every_picture(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    stacks = browser.find_elements("css selector", ".stack")
    wait_until(lambda: [stack.size["width"] for stack in stacks], [128, 128])
    for width in (32, 64):
        browser.find_element("id", "zoom").send_keys(Keys.ARROW_DOWN)
        wait_until(lambda: [stack.size["width"] for stack in stacks], [width, width])


def test_every_control_can_be_reached_and_has_a_name(browser: Any) -> None:
    nameless = browser.execute_script(
        "return [...document.querySelectorAll('button, select, input, [tabindex]')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length))).length"
    )
    assert nameless == 0
    hidden = browser.execute_script("return document.querySelectorAll('[tabindex=\"-1\"]').length")
    assert hidden == 0


def test_pictures_beyond_the_size_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srgan_cli.scoring.report.html.MAX_IMAGE_BYTES", 1)
    pixels = np.zeros((3, 8, 8), np.float32)
    shown = [PageImage(name, pixels, {"first": pixels}) for name in ("a", "b")]
    path = tmp_path / "report.html"
    write_page(
        Report(Protocol(), [Score("a", {"psnr": 20.0, "ssim": 0.5}, method="first")], [], []), shown, total=2, path=path
    )
    assert "1 of 2 pictures are shown." in path.read_text()
