"""Use JupyterLab in a headless Chromium as a person would, and say on stdout, as JSON, what is seen.

Usage: browser.py CHROMIUM URL SCREENSHOT PROFILE TIMEOUT

URL opens a notebook whose first cell is empty. This types 1+1 into it, runs it and every cell after
it with Shift+Enter, and waits until each has an output or an error.
"""

import base64
import json
import pathlib
import subprocess
import sys
import time

import websocket  # of the package websocket-client


class Page:
    """A browser page, driven over the DevTools protocol."""

    def __init__(self, address):
        self.socket = websocket.create_connection(address, suppress_origin=True, timeout=60)
        self.count = 0

    def call(self, method, **params):
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            reply = json.loads(self.socket.recv())
            if reply.get("id") == self.count:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, what, expression, deadline):
        while not self.js(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited in vain for {what}")
            time.sleep(0.2)

    def click(self, selector):
        box = self.js(f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
                      " return [r.x + Math.min(r.width / 2, 60), r.y + Math.min(r.height / 2, 12)] })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def shift_enter(self):
        key = dict(key="Enter", code="Enter", windowsVirtualKeyCode=13, modifiers=8)
        self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


CELLS = """[...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map(c => ({
    prompt: c.querySelector('.jp-InputPrompt').textContent,
    text: [...c.querySelectorAll('.jp-OutputArea-output')].map(o => o.textContent).join('\\n').trim(),
    pictures: [...c.querySelectorAll('.jp-OutputArea-output svg, .jp-OutputArea-output img, .jp-OutputArea-output canvas')]
        .filter(p => p.getBoundingClientRect().width > 50).length,
    error: c.querySelector('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"], .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]') !== null,
}))"""


def start(chromium, profile):
    """Start the browser and return its process and its first page."""
    browser = subprocess.Popen(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--window-size=1280,1000", "--remote-debugging-port=0",
         f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port_file = pathlib.Path(profile) / "DevToolsActivePort"
    deadline = time.monotonic() + 60
    while not (port_file.exists() and port_file.read_text().count("\n")):
        if browser.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the browser did not start (exit code {browser.poll()})")
        time.sleep(0.1)
    port, path = port_file.read_text().split("\n")[:2]
    control = Page(f"ws://127.0.0.1:{port}{path}")
    target = control.call("Target.createTarget", url="about:blank")["targetId"]
    return browser, Page(f"ws://127.0.0.1:{port}/devtools/page/{target}")


def use(page, url, deadline):
    """Open the notebook, run its cells and return what they show."""
    page.call("Page.enable")
    page.call("Page.navigate", url=url)
    page.wait("the notebook", "document.querySelector('.jp-Notebook .jp-CodeCell .cm-content') !== null", deadline)
    page.wait("the kernel", "/\\| Idle/.test(document.querySelector('#jp-main-statusbar')?.textContent)", deadline)
    page.click(".jp-Notebook .jp-CodeCell .cm-content")
    page.wait("the cursor", "document.querySelector('.jp-Notebook .jp-CodeCell .cm-editor.cm-focused') !== null", deadline)
    page.call("Input.insertText", text="1+1")
    count = page.js(f"{CELLS}.length")
    for i in range(count):
        page.shift_enter()
        page.wait(f"the output of cell {i + 1}",
                  f"{CELLS}[{i}].text !== '' || {CELLS}[{i}].pictures > 0", deadline)
        page.wait(f"the end of cell {i + 1}", f"/\\d/.test({CELLS}[{i}].prompt)", deadline)
    return page.js(CELLS)[:count]


def main():
    chromium, url, screenshot, profile, timeout = sys.argv[1:]
    browser, page = start(chromium, profile)
    try:
        cells = use(page, url, time.monotonic() + float(timeout))
        page.js("document.querySelector('.jp-WindowedPanel-outer')?.scrollTo(0, 0)")
        time.sleep(0.5)
        print(json.dumps(cells))
    finally:
        try:
            page.screenshot(screenshot)
            page.call("Browser.close")
        finally:
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()


main()
