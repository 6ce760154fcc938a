"""Execute a notebook with nbclient and write it with its outputs.

Usage: execute.py NOTEBOOK OUT KERNEL TIMEOUT
"""

import pathlib
import sys

import nbclient
import nbformat

notebook, out, kernel, timeout = sys.argv[1:]
nb = nbformat.read(notebook, as_version=4)
client = nbclient.NotebookClient(
    nb,
    kernel_name=kernel,
    timeout=int(timeout),
    allow_errors=True,
    resources={"metadata": {"path": str(pathlib.Path(notebook).parent)}},
)
try:
    client.execute()
finally:
    nbformat.write(nb, out)
nbformat.validate(nb)
