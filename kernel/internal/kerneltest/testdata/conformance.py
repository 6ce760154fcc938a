"""Runs jupyter_kernel_test, and more, against the kernel "echo" of the Jupyter path."""
import time
import unittest
from queue import Empty

import jupyter_kernel_test
from jupyter_client.manager import start_new_kernel


class EchoTests(jupyter_kernel_test.KernelTests):
    kernel_name = "echo"
    language_name = "echo"
    file_extension = ".txt"
    code_hello_world = "print hello, world"
    code_stderr = "err test"
    completion_samples = [{"text": "unw", "matches": {"unwritten"}}, {"text": "nothing", "matches": set()}]
    complete_code_samples = ["print x"]
    incomplete_code_samples = ["print \\"]
    invalid_code_samples = ["!"]
    code_page_something = "page of the handbook"
    code_generate_error = "fail Name value"
    code_execute_result = [{"code": "1+2+3", "result": "1+2+3"}, {"code": "a b", "result": "a b"}]
    code_display_data = [{"code": "html <b>x</b>", "mime": "text/html"}]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "print"
    code_clear_output = "clear"

    def reply(self, msg_id, get=None):
        end = time.time() + 20
        while time.time() < end:
            m = (get or self.kc.get_shell_msg)(timeout=20)
            if m["parent_header"].get("msg_id") == msg_id:
                return m["content"]
        raise AssertionError("no reply")

    def outputs(self, msg_id):
        found = []
        while True:
            m = self.kc.get_iopub_msg(timeout=20)
            if m["parent_header"].get("msg_id") != msg_id:
                continue
            found.append(m)
            if m["content"].get("execution_state") == "idle":
                return found

    def control(self, msg_type):
        m = self.kc.session.msg(msg_type, {})
        self.kc.control_channel.send(m)
        return self.reply(m["header"]["msg_id"], self.kc.get_control_msg)

    def test_interrupt_message(self):
        self.flush_channels()
        msg_id = self.kc.execute("sleep 1h")
        while self.kc.get_iopub_msg(timeout=20)["msg_type"] != "execute_input":
            pass
        self.assertEqual(self.control("kernel_info_request")["status"], "ok")
        self.km.interrupt_kernel()
        self.assertEqual(self.reply(msg_id)["ename"], "Interrupted")

    def test_input(self):
        self.flush_channels()
        msg_id = self.kc.execute("input name", allow_stdin=True)
        self.assertEqual(self.kc.get_stdin_msg(timeout=20)["content"], {"prompt": "name", "password": False})
        self.kc.input("Ada")
        self.assertEqual(self.reply(msg_id)["status"], "ok")
        text = "".join(m["content"].get("text", "") for m in self.outputs(msg_id))
        self.assertEqual(text, "Ada\n")

    def test_stop_on_error(self):
        self.flush_channels()
        ids = [self.kc.execute(code) for code in ("broken x", "y", "z")]
        self.assertEqual([self.reply(i)["ename"] for i in ids], ["Error", "Aborted", "Aborted"])

    def test_many_lines(self):
        self.flush_channels()
        msg_id = self.kc.execute("lines 100000")
        text = "".join(m["content"].get("text", "") for m in self.outputs(msg_id))
        self.assertEqual(text, "".join(f"{i}\n" for i in range(100000)))
        self.reply(msg_id)

    def test_heartbeat(self):
        self.kc.hb_channel.unpause()
        time.sleep(2)
        self.assertTrue(self.kc.hb_channel.is_beating())

    def test_unknown_request(self):
        self.flush_channels()
        self.kc.shell_channel.send(self.kc.session.msg("no_such_request", {}))
        self.assertEqual(self.reply(self.kc.kernel_info())["status"], "ok")


class WelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "echo"
    support_iopub_welcome = True


class ShutdownTests(unittest.TestCase):
    def test_restart_and_shutdown(self):
        km, kc = start_new_kernel(kernel_name="echo")
        try:
            km.restart_kernel(now=False)
            kc.wait_for_ready(timeout=20)
            kc.execute("print x")
            start = time.time()
            km.shutdown_kernel()  # asks, and kills only what is still there after 5 s
            self.assertLess(time.time() - start, 2.5)
            self.assertFalse(km.is_alive())
        finally:
            kc.stop_channels()


if __name__ == "__main__":
    unittest.main(verbosity=2)
