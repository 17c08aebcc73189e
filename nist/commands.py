"""Commands of the installed package. Where an extra is not installed, they name it."""

import sys
from importlib import import_module

from nist.errors import run


def train() -> None:
    """``nist-train``: see ``nist.train``."""
    _run("nist.train")


def train_all() -> None:
    """``nist-train-all``: see ``nist.train_all``."""
    _run("nist.train_all")


def _run(module: str) -> None:
    try:
        main = import_module(module).main
    except ModuleNotFoundError as error:
        sys.exit(f"error: no module {error.name!r} here: pip install 'nist-sparse-training[train]'")
    run(main)
