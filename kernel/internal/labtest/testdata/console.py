"""Use the kernel "lathe" in jupyter console as a person does, in a terminal of its own.

Usage: console.py SCREEN

SCREEN is a file that gets all that the terminal shows. What is typed must lead to what is expected, or
the program fails.
"""

import os
import re
import sys
import time

import pexpect

WAIT = 90  # seconds; a machine may be busy
screen = sys.argv[1]

console = pexpect.spawn(
    sys.executable,
    ["-m", "jupyter_console", "--kernel", "lathe", "--ZMQTerminalInteractiveShell.kernel_is_complete_timeout=60",
     "--ZMQTerminalInteractiveShell.kernel_timeout=60"],
    env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
    dimensions=(40, 120), encoding="utf-8", timeout=WAIT)
console.logfile_read = open(screen, "w")


def expect(text):
    """Wait for text, between whose characters the terminal may be told of colours and places."""
    console.expect(r"(?:\x1b\[[0-9;?]*[A-Za-z]|\r|\n)*".join(re.escape(c) for c in text))


def prompt(number):
    expect(f"In [{number}]: ")
    time.sleep(0.3)  # it listens only once it has drawn itself


def enter(text):
    console.send(text)
    time.sleep(0.3)  # what comes at once counts as pasted
    console.send("\r")


expect("Lathe")  # the banner
prompt(1)
enter("1 + 1")
expect("Out[1]: 2")

prompt(2)
enter("func twice(n int) int {")  # not complete, so the console goes on reading
expect("...: ")
enter("return 2 * n")
enter("}")
prompt(3)
enter("twice(21)")
expect("Out[3]: 42")

prompt(4)
enter('panic("on " + "purpose")')
expect("panic: on purpose")

prompt(5)
enter('fmt.Println("it " + "runs"); for {}')
expect("it runs")
console.sendintr()
expect("Interrupt")
prompt(6)
enter("twice(4)")
expect("Out[6]: 8")

prompt(7)
enter('var who string; fmt.Print("who? "); fmt.Scanln(&who); fmt.Println("hello " + who)')
expect("who? ")
time.sleep(0.5)
enter("gopher")
expect("hello gopher")

prompt(8)
console.sendeof()
expect("Do you really want to exit")
enter("y")
console.expect(pexpect.EOF)
console.close()
if console.exitstatus != 0:
    sys.exit(f"the console ended with {console.exitstatus}, signal {console.signalstatus}")
