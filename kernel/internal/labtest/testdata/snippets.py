"""Run cells that any Jupyter client may send, and what frontends other than JupyterLab rely on.

Usage: snippets.py KERNEL GROUP...

A group is a function below; "testbed" and "gonbui" hold the cells that runtimed's kernel-testbed has a Go
kernel run.
"""

import re
import sys
import time

from jupyter_client.manager import start_new_kernel

WAIT = 60  # seconds; a machine may be busy


class Kernel:
    def __init__(self, name):
        self.km, self.kc = start_new_kernel(kernel_name=name, startup_timeout=WAIT)

    def close(self):
        self.kc.stop_channels()
        self.km.shutdown_kernel()

    def reply(self, msg_id):
        """Return the content of the reply to a request on the shell channel."""
        while True:
            m = self.kc.get_shell_msg(timeout=WAIT)
            if m["parent_header"].get("msg_id") == msg_id:
                return m["content"]

    def run(self, code, answer=None):
        """Run a cell and return its reply and all that it shows, by type; answer is for its question."""
        shown = {}

        def show(m):
            shown.setdefault(m["msg_type"], []).append(m["content"])

        def ask(m):
            shown.setdefault("input_request", []).append(m["content"])
            self.kc.input(answer)

        reply = self.kc.execute_interactive(
            code, timeout=WAIT, output_hook=show, allow_stdin=answer is not None, stdin_hook=ask)
        return reply["content"], shown

    def good(self, code, **options):
        reply, shown = self.run(code, **options)
        check(reply["status"] == "ok" and "error" not in shown, f"{code!r} gives {reply}")
        return shown


def check(ok, what):
    if not ok:
        raise AssertionError(what)


def printed(shown, name="stdout"):
    return "".join(c["text"] for c in shown.get("stream", []) if c["name"] == name)


def testbed(k):
    """What needs no package but those of Go."""
    check(printed(k.good('fmt.Println("hello")')) == "hello\n", "hello")
    check(printed(k.good('fmt.Fprintln(os.Stderr, "error")'), "stderr") == "error\n", "error")
    result = k.good("1 + 1")["execute_result"]
    check([r["data"]["text/plain"] for r in result] == ["2"], result)
    shown = k.good("x := 1")
    check(set(shown) <= {"status", "execute_input"}, shown)
    start = time.monotonic()
    k.good("time.Sleep(2 * time.Second)")
    check(time.monotonic() - start >= 2, "it did not sleep")
    reply, shown = k.run("func func")
    check(reply["status"] == "error" and len(shown["error"]) == 1, reply)
    for code, want in (("func foo(", "incomplete"), ("x := 1", "complete")):
        status = k.reply(k.kc.is_complete(code))["status"]
        check(status == want, f"{code!r} is {status}")
    k.good("testVariableForCompletion := 42")
    found = k.reply(k.kc.complete("testVariableFor"))
    check(found["matches"] == ["testVariableForCompletion"] and found["cursor_start"] == 0, found)
    found = k.reply(k.kc.inspect("testVariableForCompletion"))
    check(found["found"] and "int" in found["data"]["text/plain"], found)
    k.good("// Go uses display_data for rich output")


def gonbui(k):
    """What calls GoNB's package, in the spelling of today and of before."""
    load = 'import "github.com/janpfeifer/gonb/gonbui"\n'
    for suffix in ("HTML", "Html"):
        shown = k.good(f'{load}gonbui.Display{suffix}("<b>bold</b>")')
        check([c["data"]["text/html"] for c in shown["display_data"]] == ["<b>bold</b>"], shown)
    for suffix, new in (("HTML", "UniqueID"), ("Html", "UniqueId")):
        shown = k.good(f'{load}id := gonbui.{new}()\ngonbui.Update{suffix}(id, "<b>initial</b>")\ngonbui.Update{suffix}(id, "<b>updated</b>")')
        first, then = shown["display_data"], shown["update_display_data"]
        check([c["data"]["text/html"] for c in first + then] == ["<b>initial</b>", "<b>updated</b>"], shown)
        check(first[0]["transient"]["display_id"] == then[0]["transient"]["display_id"], shown)
    shown = k.good(f'{load}gonbui.RequestInput("Enter: ", false)', answer="x")
    check([c["prompt"] for c in shown["input_request"]] == ["Enter: "], shown)


def editors(k):
    """What VS Code and Colab need; kernel/internal/spec/doc.go says why."""
    info = k.reply(k.kc.kernel_info())
    language = info["language_info"]
    want = {"name": "go", "mimetype": "text/x-go", "file_extension": ".go", "pygments_lexer": "go", "codemirror_mode": "go"}
    check({key: language.get(key) for key in want} == want, language)
    check(info["banner"] and info["help_links"], info)

    # A completion that is late is dropped. This bound is far above what a quiet machine needs, so that
    # only an answer that waits for the running cell or for the network fails it.
    k.good("kept := 1")
    running = k.kc.execute("for kept > 0 { time.Sleep(time.Millisecond) }")
    for code in ("strings.To", "kept.", "ke", "func f() { for i := range 3 { fmt.Pr"):
        start = time.monotonic()
        k.reply(k.kc.complete(code))
        took = time.monotonic() - start
        check(took < 5, f"completing {code!r} took {took:.1f} s")
    k.km.interrupt_kernel()
    check(k.reply(running)["status"] == "error", "the loop was not interrupted")

    chart = 'chart.Line("loss").Series("a", []float64{0, 1, 2}, []float64{3, 2, 1})'
    bundles = [k.good(chart)["execute_result"][0], k.good(f"display.Show({chart});")["display_data"][0]]
    shown = k.good('bar := display.NewProgress("steps", 2, "step")\nbar.Add(2)\nbar.Close();')
    bundles += shown["display_data"] + k.good("[]struct{ A int }{{1}, {2}}")["execute_result"]
    for i, b in enumerate(bundles):
        data = b["data"]
        page = re.sub(r"(?is)<script\b.*?</script\s*>", "", data["text/html"])
        check(data["text/plain"].strip(), f"bundle {i} has no text")
        check(i > 1 or "<svg" in page and data["image/png"], f"bundle {i} shows no picture without its script: {page[:300]}")
        # A sandboxed page has no require.js, and may load nothing.
        check(not re.search(r"\brequire(js)?\s*[.(]|\bdefine\s*\(", data["text/html"]), f"bundle {i} asks for require.js")
        loads = re.findall(r"""(?:\bsrc|\bhref|@import|\burl|\bimport|\bfetch)\s*[=(]?\s*["'(]?\s*((?:https?:)?//[^"')\s]+)""", data["text/html"])
        check(not loads, f"bundle {i} loads {loads}")


name, *groups = sys.argv[1:]
for group in groups:
    kernel = Kernel(name)
    try:
        globals()[group](kernel)
    finally:
        kernel.close()
