"""Digests of what decides a run's numbers: its configuration and the code that trains it."""

import ast
import hashlib
import io
import json
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.ENDMARKER}


def of_configuration(configuration: dict) -> str:
    """SHA-256, in hex, of a configuration as canonical JSON: key order and layout do not count."""
    canonical = json.dumps(configuration, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def of_training_code(model: str) -> str:
    """SHA-256, in hex, of every module of this package that training ``model`` imports.

    Comments, docstrings and layout do not count, so that an edit which cannot change a number does not invalidate
    hours of training. The sources are only read, never imported: no torch is needed.
    """
    total = hashlib.sha256()
    for name, path in sorted(_imported(["nist.train", f"nist.models.{model}"]).items()):
        total.update(f"{name}\0{_substance(path.read_text(encoding='utf-8'))}\0".encode())
    return total.hexdigest()


def _imported(roots: list[str]) -> dict[str, Path]:
    """Modules of this package reached by import statements from ``roots``, as name → file."""
    found: dict[str, Path] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        path = _source(name)
        if name in found or path is None:
            continue
        found[name] = path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                pending += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                pending += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def _source(name: str) -> Path | None:
    package, *parts = name.split(".")
    if package != PACKAGE.name or not parts:
        return None
    stem = PACKAGE.joinpath(*parts)
    candidates = (stem.with_suffix(".py"), stem / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _substance(source: str) -> str:
    """The tokens of ``source`` without comments, docstrings and layout."""
    kept: list[str] = []
    at_statement_start = True
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.type == tokenize.INDENT:
            kept.append("{")
        elif token.type == tokenize.DEDENT:
            kept.append("}")
        elif token.type in LAYOUT:
            at_statement_start = at_statement_start or token.type == tokenize.NEWLINE
            if token.type == tokenize.NEWLINE:
                kept.append(";")
        else:
            docstring = token.type == tokenize.STRING and at_statement_start and following.type == tokenize.NEWLINE
            if not docstring:
                kept.append(token.string)
            at_statement_start = False
    return "".join(kept)
