"""Screenshot: opens an address of a running Airflow in headless Chromium, logged in, and saves what it shows.

    python tests/cockpit/screenshot.py http://127.0.0.1:8080/plugin/millibar admin PASSWORD docs/cockpit.png

Needs Debian's packages ``chromium`` and ``chromium-driver``. It ends with 1 when the page did not draw its charts, when
the browser logged an error (a script that failed, a breach of the content security policy), or when the page is wider
than the window.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60
SETTLE_SECONDS = 1.0
BROWSER_FLAGS = [
    "--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb",
]  # fmt: skip

# The cockpit is the document itself, or the document of Airflow's frame.
COCKPIT = """
const cockpit = document.querySelector("iframe")?.contentDocument ?? document;
if (!cockpit.body) return { title: "", charts: 0, overflow: 0 };  // still loading
const root = cockpit.documentElement;
return {
  title: cockpit.querySelector("h1")?.textContent ?? "",
  charts: cockpit.querySelectorAll(".js-plotly-plot .main-svg").length,
  overflow: root.scrollWidth - root.clientWidth,
  background: getComputedStyle(cockpit.body).backgroundColor,
};
"""


class Browser:
    """A WebDriver session, over plain HTTP."""

    def __init__(self, driver: str, profile: str) -> None:
        self.driver = driver
        flags = [*BROWSER_FLAGS, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium's sandbox does not start as root
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": find_program("chromium", "google-chrome"), "args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = request("POST", f"{driver}/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"{driver}/session/{answer['value']['sessionId']}"

    def open(self, url: str) -> None:
        request("POST", f"{self.session}/url", {"url": url})

    def run(self, script: str) -> Any:
        return request("POST", f"{self.session}/execute/sync", {"script": script, "args": []})["value"]

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of Chromium's own protocol."""
        body = {"cmd": name, "params": parameters}
        return request("POST", f"{self.session}/goog/cdp/execute", body)["value"]

    def cookie(self, name: str, value: str) -> None:
        request("POST", f"{self.session}/cookie", {"cookie": {"name": name, "value": value, "path": "/"}})

    def log(self) -> list[str]:
        entries = request("POST", f"{self.session}/se/log", {"type": "browser"})["value"]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def close(self) -> None:
        request("DELETE", self.session)


def request(method: str, url: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    message = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(message, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as fault:
        raise SystemExit(f"{method} {url} answered {fault.code}: {fault.read().decode()[:400]}") from fault


def find_program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise SystemExit(f"{' or '.join(names)} is not installed: apt-get install chromium chromium-driver")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own; both end with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        driver = subprocess.Popen([find_program("chromedriver"), f"--port={port}"], stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: answers(port), "chromedriver to answer")
            session = Browser(f"http://127.0.0.1:{port}", profile)
            try:
                yield session
            finally:
                session.close()
        finally:
            driver.terminate()
            driver.wait(timeout=10)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(happened: Any, what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if result := happened():
            return result
        time.sleep(0.3)
    raise SystemExit(f"waited {PATIENCE_SECONDS} s for {what}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("output", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--full-page", action="store_true", help="all of a page that stands on its own")
    parser.add_argument("--charts", type=int, default=2, help="how many charts to wait for; 0 on a page without")
    parser.add_argument("--before", default="", help="a script to run in the page before the picture is taken")
    wanted = parser.parse_args()

    address = urlsplit(wanted.url)
    airflow = f"{address.scheme}://{address.netloc}"
    token = request("POST", f"{airflow}/auth/token", {"username": wanted.user, "password": wanted.password})
    with browser() as session:
        theme = "dark" if wanted.dark else "light"
        session.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        session.command("Emulation.setDeviceMetricsOverride", width=wanted.width, height=wanted.height,
                        deviceScaleFactor=1, mobile=False)  # fmt: skip
        session.open(f"{airflow}/api/v2/version")  # a cookie can only be set on a page of the site
        session.cookie("_token", token["access_token"])
        session.run(f"window.localStorage.setItem('theme', {theme!r})")
        session.log()
        session.open(wanted.url)
        wait_for(lambda: session.run(COCKPIT)["title"], "the cockpit's heading")
        # A chart is two drawings, one over the other, and a third for what hovers.
        wait_for(lambda: session.run(COCKPIT)["charts"] >= wanted.charts, f"{wanted.charts} charts")
        if wanted.before:
            session.run(wanted.before)
        time.sleep(SETTLE_SECONDS)
        seen = session.run(COCKPIT)
        picture = session.command("Page.captureScreenshot", captureBeyondViewport=wanted.full_page)
        wanted.output.write_bytes(base64.b64decode(picture["data"]))
        faults = session.log()
    print(f"{wanted.output}: {seen}")
    if seen["overflow"] > 0:
        faults.append(f"the page is {seen['overflow']} pixels wider than the window")
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
