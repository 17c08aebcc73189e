"""Digests of what decides a run's numbers: its configuration and the code that trains it."""

import ast
import hashlib
import io
import json
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}


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
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in LAYOUT]
    statements: list[list[str]] = [[]]
    for token in tokens:
        if token.type == tokenize.NEWLINE:
            statements.append([])
        else:
            # Indentation counts as depth, not as the spaces it is made of.
            statements[-1].append({tokenize.INDENT: "{", tokenize.DEDENT: "}"}.get(token.type, token.string))
    return "".join(_without_docstring(" ".join(statement)) for statement in statements)


def _without_docstring(statement: str) -> str:
    """The statement, or only the depth marks before it if it is a bare string, as docstrings are."""
    content = statement.lstrip("{} ")
    try:
        bare_string = isinstance(ast.literal_eval(content), str)
    except (SyntaxError, ValueError):
        bare_string = False
    return statement[: len(statement) - len(content)] if bare_string else f"{statement};"
