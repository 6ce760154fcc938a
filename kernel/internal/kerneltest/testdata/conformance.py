"""Runs jupyter_kernel_test, and more, against the kernel "echo" of the Jupyter path."""
import time
import unittest
from queue import Empty

import jupyter_kernel_test
import zmq
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

    def control(self, msg_type, content=None):
        m = self.kc.session.msg(msg_type, content or {})
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

    def send(self, msg_type, content, subshell=None, buffers=None):
        m = self.kc.session.msg(msg_type, content)
        if subshell:
            m["header"]["subshell_id"] = subshell
        self.kc.session.send(self.kc.shell_channel.socket, m, buffers=buffers)
        return m["header"]["msg_id"]

    def test_subshells(self):
        self.flush_channels()
        self.assertEqual(self.reply(self.kc.kernel_info())["supported_features"], ["kernel subshells"])
        sub = self.control("create_subshell_request")["subshell_id"]
        self.assertEqual(self.control("list_subshell_request"), {"status": "ok", "subshell_id": [sub]})
        main = self.kc.execute("sleep 1h")
        code = {"code": "shell", "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
        self.assertEqual(self.reply(self.send("execute_request", code, sub))["status"], "ok")
        self.assertEqual(self.control("delete_subshell_request", {"subshell_id": sub}), {"status": "ok"})
        self.assertEqual(self.reply(self.send("execute_request", code, sub))["ename"], "UnknownSubshell")
        self.km.interrupt_kernel()
        self.assertEqual(self.reply(main)["ename"], "Interrupted")

    def test_comm(self):
        self.flush_channels()
        main = self.kc.execute("sleep 1h")
        self.send("comm_open", {"comm_id": "c", "target_name": "widget", "data": {}})
        msg_id = self.send("comm_msg", {"comm_id": "c", "data": {"x": 1}}, buffers=[b"\x00\xff", b""])
        echoed = [m for m in self.outputs(msg_id) if m["msg_type"] == "comm_msg"]
        self.assertEqual(len(echoed), 1)
        self.assertEqual(echoed[0]["content"], {"comm_id": "c", "data": {"x": 1}})
        self.assertEqual([bytes(b) for b in echoed[0]["buffers"]], [b"\x00\xff", b""])
        self.assertEqual(self.reply(self.kc.comm_info("widget"))["comms"], {"c": {"target_name": "widget"}})
        self.send("comm_close", {"comm_id": "c", "data": {}})
        self.assertEqual(self.reply(self.kc.comm_info())["comms"], {})
        self.km.interrupt_kernel()
        self.reply(main)

    def test_user_expressions(self):
        self.flush_channels()
        got = self.reply(self.kc.execute("1", user_expressions={"a": "2", "b": "fail E v"}))["user_expressions"]
        self.assertEqual(got["a"], {"status": "ok", "data": {"text/plain": "2"}, "metadata": {}})
        self.assertEqual((got["b"]["status"], got["b"]["ename"], got["b"]["evalue"]), ("error", "E", "v"))

    def test_hostile_peers(self):
        """What libzmq itself can do to the kernel: wrong sockets, bad messages, huge ones, many peers."""
        self.flush_channels()
        info = self.km.get_connection_info()
        address = lambda channel: f"tcp://127.0.0.1:{info[channel + '_port']}"
        context, strangers = zmq.Context(), []  # a socket that nobody refers to is closed

        def stranger(kind, channel):
            strangers.append(context.socket(kind))
            strangers[-1].connect(address(channel))
            return strangers[-1]

        try:
            for channel in ("shell", "control", "stdin", "iopub", "hb"):
                for kind in (zmq.PUSH, zmq.PUB, zmq.PAIR, zmq.PULL):
                    stranger(kind, channel)
            for channel in ("shell", "control", "stdin"):
                dealer = stranger(zmq.DEALER, channel)
                good = self.kc.session.serialize(self.kc.session.msg("kernel_info_request", {}))
                for frames in (
                    [b""], [b"junk"] * 3, good[1:], good[:1], good[:3], [good[0], b"0" * 64] + good[2:],
                    good[:2] + [b"[]"] + good[3:], good[:5] + [b"\xff" * 1000], [b""] * 4000, [b"x" * (16 << 20)],
                ):
                    dealer.send_multipart(frames)
                for _ in range(3):
                    dealer.send_multipart(good)  # the first is good, and answered
                if channel != "stdin":
                    self.assertEqual(dealer.poll(20000), zmq.POLLIN)
                    dealer.recv_multipart()
                    self.assertEqual(dealer.poll(200), 0)
            for _ in range(200):
                stranger(zmq.DEALER, "shell")
            start = time.time()
            self.assertEqual(self.reply(self.kc.kernel_info())["status"], "ok")
            self.assertEqual(self.control("kernel_info_request")["status"], "ok")
            self.assertLess(time.time() - start, 5)
        finally:
            context.destroy(linger=0)

    def test_unknown_request(self):
        self.flush_channels()
        self.kc.shell_channel.send(self.kc.session.msg("no_such_request", {}))
        self.assertEqual(self.reply(self.kc.kernel_info())["status"], "ok")


class WelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "echo"
    support_iopub_welcome = True


class ShutdownTests(unittest.TestCase):
    def test_history_of_earlier_session(self):
        for code in ("first session", "second session"):
            km, kc = start_new_kernel(kernel_name="echo")
            try:
                kc.execute(code, reply=True, timeout=20)
                earlier = kc.history(hist_access_type="range", session=-1, output=True, reply=True, timeout=20)["content"]
                tail = kc.history(hist_access_type="tail", n=1, reply=True, timeout=20)["content"]
                self.assertEqual(tail["history"][0][1:], [1, code])
            finally:
                kc.stop_channels()
                km.shutdown_kernel()
        self.assertEqual(earlier["history"][0][1:], [1, ["first session", "first session"]])

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
