"""Run jupyter-kernel-test against the kernel "lathe", with samples in Go, and points of our own.

Usage: kernel_suite.py

The suite skips what it has no sample for; such a skip is a failure here. The points are what frontends
rely on and the suite does not look at. The last line printed counts both.
"""

import sys
import time
import unittest
from queue import Empty

import jupyter_kernel_test
from jupyter_client.manager import start_new_kernel
from jupyter_kernel_test.msgspec_v5 import validate_message

WAIT = 60  # seconds; a machine may be busy


class Suite(jupyter_kernel_test.KernelTests):
    kernel_name = "lathe"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "to stderr")'
    completion_samples = [
        {"text": "strings.EqualF", "matches": {"EqualFold"}},
        {"text": "noSuchNa", "matches": set()},
        {"text": "fmt.Printl"},
    ]
    complete_code_samples = ["1+1", "x := 1", "func f() int {\n\treturn 1\n}", "// only a comment", ""]
    incomplete_code_samples = ["func f() int {", "x := []int{1,", "fmt.Println(", "s := `raw", "/* comment"]
    invalid_code_samples = ["x := )", "func }", "func }{"]
    code_page_something = "fmt.Println?"
    code_generate_error = 'panic("on purpose")'
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": 'strings.ToUpper("go")', "result": "GO"},
        {"code": 'display.HTML("<b>bold</b>")', "mime": "text/html", "result": "<b>bold</b>"},
    ]
    code_display_data = [
        {"code": 'display.Show(display.HTML("<b>bold</b>"));', "mime": "text/html"},
        {"code": 'display.Show(display.Markdown("*it*"));', "mime": "text/markdown"},
        {"code": 'display.Show(display.SVG("<svg xmlns=\\"http://www.w3.org/2000/svg\\"/>"));', "mime": "image/svg+xml"},
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "strings.ToUpper"
    code_clear_output = "display.Clear(false);"


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "lathe"
    support_iopub_welcome = True


class Points(unittest.TestCase):
    """One kernel serves all points in the order of their names, and ends with the last."""

    @classmethod
    def setUpClass(cls):
        cls.km, cls.kc = start_new_kernel(kernel_name="lathe", startup_timeout=WAIT)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        if cls.km.is_alive():
            cls.km.shutdown_kernel(now=True)

    def reply(self, msg_id, channel="shell"):
        """Return the content of the reply to a request."""
        get = getattr(self.kc, f"get_{channel}_msg")
        while True:  # until get raises Empty
            m = get(timeout=WAIT)
            if m["parent_header"].get("msg_id") == msg_id:
                validate_message(m, m["msg_type"], msg_id)
                return m["content"]

    def outputs(self, msg_id):
        """Return what was broadcast for a request, up to its idle."""
        found = []
        while True:
            m = self.kc.get_iopub_msg(timeout=WAIT)
            if m["parent_header"].get("msg_id") != msg_id:
                continue
            validate_message(m, m["msg_type"], msg_id)
            found.append(m)
            if m["content"].get("execution_state") == "idle":
                return found

    def run_cell(self, code, **options):
        """Return the reply to a cell, and what was broadcast for it."""
        msg_id = self.kc.execute(code, **options)
        return self.reply(msg_id), self.outputs(msg_id)

    def printed(self, outputs):
        return "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream")

    def ask(self, msg_type, channel, **content):
        """Send a request that jupyter_client has no method for and return its id."""
        m = self.kc.session.msg(msg_type, content)
        getattr(self.kc, f"{channel}_channel").send(m)
        return m["header"]["msg_id"]

    def test_01_completion_offers_the_members_of_a_package(self):
        for code, want in [("fmt.Pri", {"Print", "Printf", "Println"}), ("x := strings.To", {"ToUpper", "ToLower"})]:
            with self.subTest(code=code):
                self.assertLessEqual(want, set(self.reply(self.kc.complete(code))["matches"]))

    def test_02_a_completion_replaces_the_word_at_the_cursor(self):
        code, rest = "é := strings.ToUp", " + suffix"  # positions count characters, not bytes
        r = self.reply(self.kc.complete(code + rest, len(code)))
        completed = [code[: r["cursor_start"]] + m + (code + rest)[r["cursor_end"]:] for m in r["matches"]]
        self.assertIn("é := strings.ToUpper + suffix", completed)

    def test_03_is_complete_is_answered(self):
        self.assertEqual(self.reply(self.kc.is_complete("for {"))["status"], "incomplete")

    def test_04_history_is_answered(self):
        self.run_cell("// remembered")
        self.assertEqual(self.reply(self.kc.history(hist_access_type="tail", n=1))["history"][-1][2], "// remembered")

    def test_05_comm_info_is_answered(self):
        self.assertEqual(self.reply(self.kc.comm_info())["comms"], {})

    def test_06_an_unknown_request_does_no_harm(self):
        self.ask("no_such_request", "shell", a=1)
        self.ask("no_such_request", "control")
        self.assertEqual(self.reply(self.kc.kernel_info())["status"], "ok")

    def test_07_output_stands_between_busy_and_idle(self):
        _, outputs = self.run_cell('fmt.Println("x"); 1+1')
        kinds = [m["content"].get("execution_state", m["msg_type"]) for m in outputs]
        self.assertEqual(kinds, ["busy", "execute_input", "stream", "execute_result", "idle"])

    def test_08_the_count_grows_by_one(self):
        a, b = self.run_cell("1")[0], self.run_cell("2")[0]
        self.assertEqual(b["execution_count"], a["execution_count"] + 1)

    def test_09_a_silent_cell_leaves_no_trace(self):
        before, _ = self.run_cell("1")
        reply, outputs = self.run_cell("hidden := 5; hidden", silent=True)
        self.assertEqual(reply["status"], "ok")
        self.assertEqual([m["msg_type"] for m in outputs if m["msg_type"] in ("execute_input", "execute_result")], [])
        after, outputs = self.run_cell("hidden + 1")
        self.assertEqual(after["execution_count"], before["execution_count"] + 1)
        self.assertEqual([m["content"]["data"]["text/plain"] for m in outputs if m["msg_type"] == "execute_result"], ["6"])

    def test_10_an_error_is_the_same_everywhere(self):
        reply, outputs = self.run_cell("var m map[string]int\nm[`a`] = 1")
        errors = [m["content"] for m in outputs if m["msg_type"] == "error"]
        self.assertEqual(len(errors), 1)
        self.assertEqual(reply["status"], "error")
        for key in ("ename", "evalue", "traceback"):
            self.assertTrue(errors[0][key])
            self.assertEqual(errors[0][key], reply[key])

    def test_11_an_error_names_its_cause(self):
        self.assertIn("undefined: nowhere", self.run_cell("fmt.Println(nowhere)")[0]["evalue"])

    def test_12_cells_behind_a_failing_one_are_aborted(self):
        ids = [self.kc.execute(code) for code in ('panic("stop")', 'fmt.Println("never")', "1")]
        self.assertEqual([self.reply(i)["status"] for i in ids][0], "error")
        for i in ids[1:]:
            self.assertEqual(self.printed(self.outputs(i)), "")
        self.assertEqual(self.run_cell("1")[0]["status"], "ok")

    def test_13_a_cell_reads_what_the_user_types(self):
        msg_id = self.kc.execute("var who string\nfmt.Scanln(&who)\nfmt.Println(`hello`, who)", allow_stdin=True)
        request = self.kc.get_stdin_msg(timeout=WAIT)
        # The suite's own schema takes password for a number.
        self.assertEqual((request["msg_type"], request["content"]), ("input_request", {"prompt": "", "password": False}))
        self.kc.input("gopher")
        self.assertEqual(self.reply(msg_id)["status"], "ok")
        self.assertIn("hello gopher", self.printed(self.outputs(msg_id)))

    def test_14_variables_live_on(self):
        self.run_cell("kept := 41")
        self.assertEqual(self.printed(self.run_cell("fmt.Print(kept + 1)")[1]), "42")

    def test_15_control_is_answered_while_a_cell_runs(self):
        running = self.kc.execute('fmt.Println("on"); time.Sleep(time.Hour)')
        while self.kc.get_iopub_msg(timeout=WAIT)["msg_type"] != "stream":
            pass
        self.assertEqual(self.reply(self.ask("kernel_info_request", "control"), "control")["status"], "ok")
        self.assertEqual(self.reply(self.ask("interrupt_request", "control"), "control")["status"], "ok")
        self.assertEqual(self.reply(running)["status"], "error")

    def test_16_the_heart_beats(self):
        self.kc.hb_channel.unpause()
        deadline = time.monotonic() + WAIT
        while not self.kc.hb_channel.is_beating() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2.5)  # the next beat is looked at too
        self.assertTrue(self.kc.hb_channel.is_beating())

    def test_17_a_shutdown_is_answered_and_ends_the_process(self):
        msg_id = self.ask("shutdown_request", "control", restart=False)
        self.assertEqual(self.reply(msg_id, "control"), {"status": "ok", "restart": False})
        deadline = time.monotonic() + WAIT
        while self.km.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(self.km.is_alive())
        with self.assertRaises(Empty):
            self.kc.get_shell_msg(timeout=0.1)


failed = False
counts = []
for case in (Suite, Welcome, Points):
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
    for test, why in result.skipped:
        print("skipped:", test.id(), why)
    bad = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors + result.skipped}
    failed = failed or bool(bad)
    counts.append(f"{case.__name__} {result.testsRun - len(bad)} of {result.testsRun}")
print(", ".join(counts))
sys.exit(failed)
