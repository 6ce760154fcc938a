"""Gives papermill the words of Go, so that it can set the parameters of a notebook.

papermill has no place where a package may register a language. It does load what packages name as an
engine, and so finds this module, which then registers itself; the engine that it names is papermill's
own. What a value is in Go, and what a notebook's parameters are, `lathe params` says, as for
`lathe run -p`. `lathe install --papermill` writes the path of that program below.
"""

import json
import math
import subprocess
import threading

from papermill.engines import NBClientEngine  # what the entry point names
from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

PROGRAM = "lathe"


def plain(value):
    """Return value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def ask(question):
    """Have `lathe params` answer a question, or raise what it says."""
    try:
        done = subprocess.run(
            [PROGRAM, "params", "--papermill", "/dev/stdin"],
            input=json.dumps(question), capture_output=True, encoding="utf-8")
    except OSError as e:
        raise PapermillException(f"{e}; call `lathe install --papermill PYTHON` again after moving lathe") from e
    if done.returncode != 0:
        raise PapermillException(done.stderr.strip())
    return json.loads(done.stdout)


class GoTranslator(Translator):
    """Assigns to the variables that the cell tagged "parameters" declares, keeping their types."""

    # papermill shows the cell to inspect() just before it calls codify(), which does not get it.
    last = threading.local()

    @classmethod
    def inspect(cls, parameters_cell):
        cls.last.cell = parameters_cell["source"]
        return [
            Parameter(p["name"], p["type"] or "None", p["default"] or "None", p["help"])
            for p in ask({"cell": cls.last.cell})["parameters"]
        ]

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        cell = cls.last.__dict__.pop("cell", None)
        values = [{"name": name, "value": plain(value)} for name, value in parameters.items()]
        return ask({"cell": cell, "settings": values, "comment": comment})["source"]


papermill_translators.register("go", GoTranslator)
