"""The page as a person meets it: in a real browser, small and large, light and dark."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from geesync.domain.mirror.lifecycle import State
from geesync.web.app import build
from geesync.web.server import _listen, url
from tests.web.chromium import CHROMIUM, DRIVER, chromium, full_height, show, without_scripts
from tests.web.conftest import Scenes
from tests.web.ledgers import HOME, NOW, SCENES, Story

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no browser: apt-get install chromium chromium-driver"
)

SHOTS = Path(__file__).parents[2] / "docs/screenshots"
#: Set to write the pictures of the documentation anew.
RENEW = "GEESYNC_RENEW_SCREENSHOTS"

DESKTOP, PHONE = (1120, 1720), (390, 844)

Serve = Callable[[Story], str]

#: WCAG's contrast of every text with what lies behind it; returns those below AA.
CONTRAST = """
const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
}
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || element.closest("svg, script, option")) continue;
  const style = getComputedStyle(element);
  const [a, b] = [light(parse(style.color)), light(behind(element))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const big = parseFloat(style.fontSize) >= 24;
  if (ratio < (big ? 3 : 4.5)) poor.push(walker.currentNode.data.trim() + " " + ratio.toFixed(2));
}
return poor;
"""

#: What has no name for those who cannot see it.
NAMELESS = """
const named = e => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
  || e.textContent.trim() || (e.labels && e.labels.length) || e.hasAttribute("alt");
const wanted = "a, button, input, select, img, svg[role=img], nav, [role=region]";
return [...document.querySelectorAll(wanted)].filter(e => !named(e)).map(e => e.outerHTML);
"""

#: What is wider than it may be: the page, and tables that would have to be pushed.
OVERFLOWING = """
const wide = [document.documentElement, ...document.querySelectorAll(".scroll")];
return wide.filter(e => e.scrollWidth > e.clientWidth).map(e => e.id || e.tagName);
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    started: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(story: Story) -> str:
        listening = _listen("127.0.0.1:0")
        app = build(story.path, hosts=["127.0.0.1"], clock=lambda: NOW)
        page = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=page.run, args=([listening],), daemon=True)
        thread.start()
        started.append((page, thread))
        return url(listening)

    yield start
    for page, thread in started:
        page.should_exit = True
        thread.join(10)


def complaints(browser: webdriver.Chrome) -> list[Any]:
    """Return what the browser's console says: refused by the CSP, not found, failed."""
    # A picture that cannot be made is an honest 404.
    told = browser.get_log("browser")  # type: ignore[no-untyped-call] # selenium's own
    return [line for line in told if "/quicklook/" not in line["message"]]


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_is_readable_everywhere(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes, tmp_path: Path, name: str
) -> None:
    address = serve(scene(name))
    complaints(browser)  # of earlier pages
    folder = SHOTS if RENEW in os.environ else tmp_path

    for screen, (width, height) in (("desktop", DESKTOP), ("phone", PHONE)):
        for dark in (False, True):
            show(browser, width=width, height=height, dark=dark)
            browser.get(address)
            shot = f"{name}-{screen}-{'dark' if dark else 'light'}.png"
            folder.mkdir(exist_ok=True)
            assert browser.save_screenshot(str(folder / shot))

            assert (SHOTS / shot).exists(), f"{RENEW}=1 makes it"
            assert browser.execute_script(CONTRAST) == []
            assert browser.execute_script(NAMELESS) == []
            assert not browser.execute_script(OVERFLOWING), screen
    assert complaints(browser) == []


@pytest.mark.parametrize("page", ["assets", f"asset?name={HOME}/alps/scene_0006", "nowhere"])
def test_the_other_pages_are_readable_too(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes, page: str
) -> None:
    address = serve(scene("troubled"))

    for width in (DESKTOP[0], PHONE[0]):
        for dark in (False, True):
            show(browser, width=width, dark=dark)
            browser.get(address + page)

            assert browser.execute_script(CONTRAST) == []
            assert browser.execute_script(NAMELESS) == []
            assert not browser.execute_script(OVERFLOWING)


def test_the_numbers_are_there_without_javascript(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes
) -> None:
    without_scripts(browser, disabled=True)
    try:
        browser.get(serve(scene("busy")))

        assert "60.0 %" in browser.find_element(By.TAG_NAME, "h1").text
        assert len(browser.find_elements(By.CSS_SELECTOR, ".map .m")) == 240
    finally:
        without_scripts(browser, disabled=False)


@pytest.mark.slow  # it looks anew every five seconds
def test_the_page_follows_by_itself_and_keeps_the_readers_place(
    browser: webdriver.Chrome, serve: Serve, story: Story
) -> None:
    names = story.discover(story.enqueue(), 4)
    browser.get(serve(story))
    browser.find_element(By.CSS_SELECTOR, "#roots").send_keys(Keys.NULL)
    browser.execute_script("document.querySelector('#roots').focus()")

    story.bring(names[:1], State.VERIFIED)

    wait = WebDriverWait(browser, 30, ignored_exceptions=[StaleElementReferenceException])
    wait.until(lambda seen: "25.0 %" in seen.find_element(By.TAG_NAME, "h1").text)
    assert browser.switch_to.active_element.get_attribute("id") == "roots"
    assert "25.0 %" in browser.title


def test_everything_can_be_reached_with_the_keyboard(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes
) -> None:
    show(browser, width=DESKTOP[0])
    browser.get(serve(scene("troubled")))
    reached = []

    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        at = browser.switch_to.active_element
        reached.append(at.text or at.get_attribute("id"))
        outline = at.value_of_css_property("outline-style")
        assert outline == "solid", reached[-1]
        if at.text == "healthz":
            break

    assert reached[0] == "To the content"
    assert {"Overview", "Assets", "2 weeks", "11 quarantined", "healthz"} <= set(reached)


def test_a_search_is_a_form_that_works_with_the_keyboard(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes
) -> None:
    browser.get(serve(scene("busy")) + "assets")

    browser.find_element(By.NAME, "text").send_keys("scene_0017", Keys.ENTER)

    WebDriverWait(browser, 30).until(lambda seen: "text=scene_0017" in seen.current_url)
    assert len(browser.find_elements(By.CSS_SELECTOR, "tbody tr")) == 1


def test_a_phone_shows_the_state_of_each_asset_of_a_list(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes
) -> None:
    show(browser, width=PHONE[0])
    browser.get(serve(scene("troubled")) + "assets")

    for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr")[:20]:
        state = row.find_element(By.CSS_SELECTOR, ".state")
        assert state.is_displayed()
        assert state.rect["x"] + state.rect["width"] <= PHONE[0]


def test_a_picture_is_shown_of_what_was_verified_last(
    browser: webdriver.Chrome, serve: Serve, scene: Scenes
) -> None:
    show(browser, width=DESKTOP[0], height=4000)
    browser.get(serve(scene("done")))
    loaded = "return [...document.images].filter(i => i.complete && i.naturalWidth > 0).length"

    WebDriverWait(browser, 60).until(lambda seen: seen.execute_script(loaded) == 12)

    assert full_height(browser) > 1500
