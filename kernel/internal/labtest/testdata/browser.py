"""Use JupyterLab in a headless Chromium as a person would, and say on stdout, as JSON, what is seen.

Usage: browser.py STORY CHROMIUM URL SCREENSHOTS TIMEOUT

URL opens a notebook. SCREENSHOTS is the path of the pictures that are taken, without the ending. The
stories are the functions whose names begin with "story_".
"""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile
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
        self.click_on(f"document.querySelector({selector!r})")

    def click_on(self, element):
        """Click on the element that an expression stands for."""
        box = self.js(f"(() => {{ const r = {element}.getBoundingClientRect();"
                      " return [r.x + Math.min(r.width / 2, 60), r.y + Math.min(r.height / 2, 12)] })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key, code, shift=False):
        """Press a key of that name and code, such as Tab, which is 9."""
        key = dict(key=key, code=key, windowsVirtualKeyCode=code, modifiers=8 if shift else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def activate(self):
        """Press Enter with the character that a button waits for."""
        key = dict(key="Enter", code="Enter", windowsVirtualKeyCode=13)
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def shift_enter(self):
        self.press("Enter", 13, shift=True)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def center(self, selector):
        return self.js(f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
                       " return [r.x + r.width / 2, r.y + r.height / 2] })()")

    def drag(self, start, end):
        """Move the mouse with its button held down from one place to another."""
        def mouse(kind, at, buttons):
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", buttons=buttons, clickCount=1)
        mouse("mouseMoved", start, 0)
        mouse("mousePressed", start, 1)
        for i in range(1, 11):
            mouse("mouseMoved", [a + (b - a) * i / 10 for a, b in zip(start, end)], 1)
            time.sleep(0.02)
        mouse("mouseReleased", end, 0)

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


CELLS = """[...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map(c => ({
    prompt: c.querySelector('.jp-InputPrompt').textContent,
    text: [...c.querySelectorAll('.jp-OutputArea-output')].map(o => o.textContent).join('\\n').trim(),
    pictures: [...c.querySelectorAll('.jp-OutputArea-output svg, .jp-OutputArea-output img, .jp-OutputArea-output canvas')]
        .filter(p => p.getBoundingClientRect().width > 50).length,
    interactive: c.querySelectorAll('.jp-OutputArea-output canvas').length,
    // JupyterLab shows the error of a cell and what it wrote to stderr alike.
    error: c.querySelector('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]') !== null,
}))"""


def start(chromium, profile):
    """Start the browser and return its process and its first page."""
    browser = subprocess.Popen(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--window-size=1280,1300", "--remote-debugging-port=0",
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


class Notebook:
    """A notebook in the page, used by mouse and keyboard."""

    def __init__(self, page, url, deadline):
        self.page, self.deadline = page, deadline
        page.call("Page.enable")
        page.call("Page.navigate", url=url)
        self.wait("the notebook", "document.querySelector('.jp-Notebook .jp-CodeCell .cm-content') !== null")
        self.idle()
        self.focus(0)

    def wait(self, what, expression):
        self.page.wait(what, expression, self.deadline)

    def focus(self, i):
        """Put the cursor into the i-th code cell."""
        cell = f"document.querySelectorAll('.jp-Notebook .jp-CodeCell')[{i}]"
        self.page.click_on(f"{cell}.querySelector('.cm-content')")
        self.wait("the cursor", f"{cell}.querySelector('.cm-editor.cm-focused') !== null")

    def idle(self):
        self.wait("the kernel", "/\\| Idle/.test(document.querySelector('#jp-main-statusbar')?.textContent)")

    def cells(self):
        return self.page.js(CELLS)

    def run_next(self, i, ended=True):
        """Run the cell with the cursor, the i-th, and wait until it has ended."""
        self.page.shift_enter()
        if ended:
            self.wait(f"the end of cell {i + 1}", f"/\\d/.test({CELLS}[{i}].prompt)")

    def command(self, name):
        """Press a button of the notebook's toolbar."""
        self.page.click(f".jp-NotebookPanel-toolbar [data-command='{name}']")

    def scroll(self, i):
        self.page.js(f"document.querySelectorAll('.jp-Notebook .jp-CodeCell')[{i}].scrollIntoView({{block: 'start'}})")
        time.sleep(1)  # the page draws what has come into view


def story_look(nb, shot):
    """Type 1+1 into the empty first cell, run every cell, and look at all of it by night and by day."""
    nb.page.type("1+1")
    count = len(nb.cells())
    for i in range(count):
        nb.run_next(i)
    # A chart is drawn when its script has come.
    nb.wait("an interactive chart", f"{CELLS}.some(c => c.interactive)")
    time.sleep(2)  # and moves to its place
    seen = nb.cells()[:count]
    for theme in ("Dark", "Light"):
        nb.page.js(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
        nb.wait("the theme", f"document.body.dataset.jpThemeLight === '{str(theme == 'Light').lower()}'")
        nb.scroll(0)
        shot(f"-{theme.lower()}")
    return seen


def story_stop(nb, shot):
    """Run a cell, stop the endless one after it with the stop button, run one more; restart; run one more."""
    nb.run_next(0)
    nb.run_next(1, ended=False)
    nb.wait("output of the endless cell", f"{CELLS}[1].text !== ''")
    shot("-running")
    start = time.monotonic()
    nb.command("notebook:interrupt-kernel")
    nb.wait("the end of the endless cell", f"/\\d/.test({CELLS}[1].prompt)")
    took = time.monotonic() - start
    nb.run_next(2)
    stopped = nb.cells()[:3]
    shot("-stopped")
    nb.command("notebook:restart-kernel")
    nb.wait("the question", "document.querySelector('.jp-Dialog .jp-mod-accept') !== null")
    nb.page.click(".jp-Dialog .jp-mod-accept")
    nb.wait("the end of the old kernel", "!/\\| Idle/.test(document.querySelector('#jp-main-statusbar')?.textContent)")
    nb.idle()
    nb.focus(2)
    nb.run_next(2)
    shot("-restarted")
    return {"took": took, "stopped": stopped, "restarted": nb.cells()[:3]}


def story_edit(nb, shot):
    """Complete a name by Tab, look at its signature by Shift-Tab, and at more of it beside the notebook."""
    page = nb.page
    nb.run_next(0)
    nb.focus(1)
    page.type("strings.ToU")
    page.press("Tab", 9)
    nb.wait("the list of names", "document.querySelector('.jp-Completer:not(.lm-mod-hidden) .jp-Completer-item') !== null")
    time.sleep(1)  # the description of the first comes beside it
    shot("-complete")
    seen = {"names": page.js("""[...document.querySelectorAll('.jp-Completer-item')].map(i => [
        i.querySelector('.jp-Completer-match')?.textContent, i.querySelector('.jp-Completer-typeExtended')?.textContent])""")}
    page.press("Enter", 13)
    source = "document.querySelectorAll('.jp-Notebook .jp-CodeCell .cm-content')[1].textContent"
    nb.wait("the name in the cell", f"/ToUpper/.test({source})")
    page.type("(")
    page.press("Tab", 9, shift=True)
    nb.wait("the signature", "document.querySelector('.jp-Tooltip') !== null")
    shot("-tooltip")
    seen["tooltip"] = page.js("document.querySelector('.jp-Tooltip').textContent")
    page.press("Escape", 27)
    page.js("window.jupyterapp.commands.execute('inspector:open')")
    nb.wait("the panel", "document.querySelector('.jp-Inspector') !== null")
    nb.focus(2)
    page.press("End", 35)
    page.press("ArrowLeft", 37)
    nb.wait("the help", "/Scale/.test(document.querySelector('.jp-Inspector')?.textContent)")
    shot("-inspector")
    seen["inspector"] = page.js("document.querySelector('.jp-Inspector').textContent")
    return seen


def story_widget(nb, shot):
    """Move a slider by the mouse while a cell runs that waits for it; then have a cell move it."""
    page = nb.page
    nb.run_next(0)
    nb.wait("the slider", "document.querySelector('.jp-OutputArea-output .noUi-handle') !== null")
    nb.run_next(1, ended=False)
    nb.wait("output of the cell that waits", f"{CELLS}[1].text !== ''")
    shot("-before")
    seen = {"before": nb.cells()[1]["prompt"]}
    start, (x, y) = page.center(".noUi-handle"), page.center(".noUi-base")
    width = page.js("document.querySelector('.noUi-base').getBoundingClientRect().width")
    page.drag(start, [x + width * 0.3, y])
    nb.wait("the end of the cell that waits", f"/\\d/.test({CELLS}[1].prompt)")
    shot("-moved")
    nb.focus(2)
    nb.run_next(2)
    nb.wait("the slider to be where the cell has set it", "document.querySelector('.widget-readout').textContent === '5'")
    shot("-set")
    return {**seen, "cells": nb.cells()[:3]}


def story_gonbui(nb, shot):
    """Move a slider and press a button of gonbui while a cell runs that waits for both; have a cell move it."""
    page = nb.page
    nb.run_next(0)
    slider, button = ".jp-OutputArea-output input[type=range]", ".jp-OutputArea-output button[id^=gonb_button]"
    nb.wait("the widgets", f"document.querySelector('{slider}') && document.querySelector('{button}') && true")
    nb.run_next(1, ended=False)
    nb.wait("output of the cell that waits", f"/waits/.test({CELLS}[1].text)")
    page.js(f"document.querySelector('{slider}').focus()")
    left, top, width, height = page.js(f"(() => {{ const r = document.querySelector('{slider}').getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }})()")
    at = dict(x=left + width * 0.87, y=top + height / 2, button="left", clickCount=1)
    page.call("Input.dispatchMouseEvent", type="mousePressed", **at)
    page.call("Input.dispatchMouseEvent", type="mouseReleased", **at)
    nb.wait("the slider's value", f"/slider \\d/.test({CELLS}[1].text)")
    shot("-moved")
    page.click(button)
    nb.wait("the end of the cell that waits", f"/\\d/.test({CELLS}[1].prompt)")
    nb.focus(2)
    nb.run_next(2)
    nb.wait("the slider to be where the cell has set it", f"document.querySelector('{slider}').value === '5'")
    nb.run_next(3)
    nb.run_next(4)
    nb.wait("the interactive charts", f"{CELLS}[4].interactive >= 2")
    time.sleep(2)
    shot("-top")
    nb.scroll(4)
    shot("-figures")
    page.js("window.jupyterapp.commands.execute('docmanager:save')")
    saved = page.js("fetch('/api/contents/gonbui.ipynb').then(r => r.json()).then(m => JSON.stringify(m.content))")
    return {"cells": nb.cells()[:5], "saved": saved}


def story_notebook(nb, shot):
    """Run a whole notebook, and show the last chart that is above a table."""
    nb.page.js("void window.jupyterapp.commands.execute('notebook:run-all-cells')")  # its promise is kept at the end
    nb.wait("the first cell", f"/\\d/.test({CELLS}[0].prompt)")
    nb.wait("the last cell", f"{CELLS}.every(c => /\\d/.test(c.prompt) || c.error)")
    nb.idle()
    nb.page.js("window.jupyterapp.commands.execute('application:toggle-left-area')")
    time.sleep(2)
    seen = nb.cells()
    for i, cell in enumerate(seen):
        if cell["interactive"]:
            nb.scroll(i)
            shot(f"-{i + 1}")
    return seen


SHEET = "[...document.querySelectorAll('.jp-OutputArea-output [data-lathe-sheet]')].at({})"


def sheet(nb, i):
    """What the i-th table on the page shows: the first cells of its rows in sight, its count, and its sorted heading."""
    return nb.page.js(f"""(() => {{ const s = {SHEET.format(i)}; return {{
        rows: [...s.querySelectorAll('tbody tr')].filter(r => r.getBoundingClientRect().height > 0).map(r => [...r.cells].slice(0, 4).map(c => c.textContent)),
        count: s.querySelector('[role=status]')?.textContent ?? '',
        sorted: [...s.querySelectorAll('th[aria-sort]:not([aria-sort=none])')].map(h => h.textContent + ' ' + h.getAttribute('aria-sort')),
        filter: s.querySelector('input')?.value ?? '', focused: s.contains(document.activeElement),
    }} }})()""")


def story_runs(nb, shot):
    """Sort a table of runs by mouse and by keyboard, filter it, and see that another table stays as it is."""
    page = nb.page
    nb.run_next(0)
    nb.run_next(1)
    nb.run_next(2)
    nb.wait("two tables", "document.querySelectorAll('.jp-OutputArea-output [data-lathe-sheet] th button').length > 8")
    seen = {"before": sheet(nb, 0)}
    nb.scroll(1)
    shot("-table")
    heading = f"[...{SHEET.format(0)}.querySelectorAll('th button')].find(b => /^LR/.test(b.textContent))"
    page.click_on(heading)
    seen["up"] = sheet(nb, 0)
    page.activate()  # the heading has the focus
    seen["down"] = sheet(nb, 0)
    shot("-sorted")
    page.click_on(f"{SHEET.format(0)}.querySelector('input')")
    page.type("adam LR<=0.01")
    seen["filtered"] = sheet(nb, 0)
    shot("-filtered")
    page.press("d", 68)  # twice, this would delete the cell if the field did not have the key
    page.press("d", 68)
    seen["cells"] = len(nb.cells())
    page.js(f"(i => {{ i.value = ''; i.dispatchEvent(new Event('input')) }})({SHEET.format(0)}.querySelector('input'))")
    page.click_on(heading)
    seen["after"] = sheet(nb, 0)
    seen["other"] = sheet(nb, 1)
    page.js("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    nb.wait("the theme", "document.body.dataset.jpThemeLight === 'false'")
    time.sleep(1)
    shot("-dark")
    page.js("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    nb.wait("the theme", "document.body.dataset.jpThemeLight === 'true'")
    return seen


def story_board(nb, shot):
    """Watch runs of another process, filter and sort them as they go, and stop watching."""
    page = nb.page
    nb.run_next(0, ended=False)
    nb.wait("the board", f"{SHEET.format(0)}?.querySelectorAll('tbody tr').length >= 8 && {CELLS}[0].interactive > 0")
    page.click_on(f"{SHEET.format(0)}.querySelector('input')")
    page.type("state:running")
    time.sleep(2)  # the table comes anew twice a second
    page.type(" Width>2")
    time.sleep(1)
    page.click_on(f"[...{SHEET.format(0)}.querySelectorAll('th button')].find(b => /^Width/.test(b.textContent))")
    time.sleep(1)
    page.activate()  # the heading has the focus still, although the table came anew
    time.sleep(1)
    seen = {"going": sheet(nb, 0)}
    shot("-going")
    steps = f"{SHEET.format(0)}.querySelector('tbody').textContent"
    before = page.js(steps)
    nb.wait("more steps", f"{steps} !== {json.dumps(before)}")
    nb.command("notebook:interrupt-kernel")
    nb.wait("the end of the cell", f"/\\d/.test({CELLS}[0].prompt)")
    time.sleep(2)
    seen["stopped"], seen["cell"] = sheet(nb, 0), nb.cells()[0]
    shot("-stopped")
    page.js("window.jupyterapp.commands.execute('docmanager:save')")
    seen["saved"] = page.js("fetch('/api/contents/board.ipynb').then(r => r.json()).then(m => JSON.stringify(m.content))")
    return seen


def main():
    story, chromium, url, screenshots, timeout = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser, page = start(chromium, profile)

        def shot(name):
            page.screenshot(screenshots + name + ".png")

        try:
            nb = Notebook(page, url, time.monotonic() + float(timeout))
            seen = globals()["story_" + story](nb, shot)
            loaded = page.js("performance.getEntriesByType('resource').map(e => new URL(e.name))"
                             ".filter(u => u.protocol.startsWith('http') && u.host !== location.host).map(u => u.href)")
            if loaded:
                raise RuntimeError(f"the page was loaded from elsewhere too: {loaded}")
            page.js("window.jupyterapp.serviceManager.sessions.shutdownAll()")  # the next story has its own kernel
            print(json.dumps(seen))
        except BaseException:
            shot("-failed")
            raise
        finally:
            try:
                page.call("Browser.close")
                browser.wait(10)
            except (subprocess.TimeoutExpired, OSError, websocket.WebSocketException):
                browser.kill()


main()
