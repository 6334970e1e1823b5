"""A real browser: Debian's Chromium, without a window and without a way out of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = CHROMIUM or ""
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER))
    try:
        yield browser
    finally:
        browser.quit()


def show(
    browser: webdriver.Chrome, *, width: int = 1200, height: int = 900, dark: bool = False
) -> None:
    """Take on the size and the colours of a reader's screen."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def without_scripts(browser: webdriver.Chrome, *, disabled: bool) -> None:
    """Switch JavaScript off or on."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": disabled})


def full_height(browser: webdriver.Chrome) -> int:
    """Return the height of the whole page in pixels."""
    height: int = browser.execute_script("return document.documentElement.scrollHeight")
    return height
