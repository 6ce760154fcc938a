"""Run jupyter-kernel-test against the kernel "lathe", with samples in Go.

A test that the suite skips counts as a failure here, but for those in ABSENT.
"""

import sys
import unittest

import jupyter_kernel_test

ABSENT = {
    "test_pager": "Lathe shows what it has to show on the page",
    "test_completion": "Lathe does not complete names yet",
    "test_inspect": "Lathe does not describe names yet",
}


class LatheTests(jupyter_kernel_test.KernelTests):
    kernel_name = "lathe"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "to stderr")'
    complete_code_samples = ["1+1", "x := 1", "func f() int {\n\treturn 1\n}", "// only a comment", ""]
    incomplete_code_samples = ["func f() int {", "x := []int{1,", "fmt.Println(", "s := `raw", "/* comment"]
    invalid_code_samples = ["x := )", "func }"]
    code_generate_error = 'panic("on purpose")'
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": 'strings.ToUpper("go")', "result": "GO"},
    ]
    code_display_data = [
        {"code": 'display.Show(display.HTML("<b>bold</b>"));', "mime": "text/html"},
        {"code": 'display.Show(display.Markdown("*it*"));', "mime": "text/markdown"},
        {"code": 'display.Show(display.SVG("<svg xmlns=\\"http://www.w3.org/2000/svg\\"/>"));', "mime": "image/svg+xml"},
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_clear_output = "display.Clear(false);"


suite = unittest.defaultTestLoader.loadTestsFromTestCase(LatheTests)
result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
unexpected = []
for test, why in result.skipped:
    name = test.id().rpartition(".")[2]
    print("skipped:", name, ABSENT.get(name, why))
    if name not in ABSENT:
        unexpected.append(name)
sys.exit(not result.wasSuccessful() or bool(unexpected))
