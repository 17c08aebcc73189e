"""Digests of a configuration, of a file and of the training code; and the files that a module depends on."""

import ast
import hashlib
import io
import json
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import resolve_name
from pathlib import Path

PACKAGE = Path(__file__).parent
DECISIVE = ("sparse", "models", "data", "training")  # what the others do changes no number
DATA = {".csv", ".css", ".jinja", ".js", ".parquet", ".yaml"}
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}
# From Python 3.12 on an f-string is many tokens, before that it is one.
F_STRING = {getattr(tokenize, "FSTRING_START", None): 1, getattr(tokenize, "FSTRING_END", None): -1}


def of_configuration(configuration: dict) -> str:
    """SHA-256, in hex, of a configuration as canonical JSON: key order and layout do not count."""
    canonical = json.dumps(configuration, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def of_file(path: Path) -> str:
    """SHA-256, in hex, of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache  # what a process trains with is what was there when it began, whatever is edited since
def of_training_code(model: str) -> str:
    """SHA-256, in hex, of the modules of ``DECISIVE`` rooms that training ``model`` imports.

    ``model`` is one of ``nist.models`` or, with dots, a module of another package; of that one, every module that it
    imports counts. Comments, docstrings and layout do not count, so that an edit which cannot change a number does
    not invalidate hours of training. The sources are only read, never imported: no torch is needed.
    """
    total = hashlib.sha256()
    module = model if "." in model else f"{PACKAGE.name}.models.{model}"
    for name, path in sorted(imported(["nist.train", module]).items()):
        if _decides(name):
            total.update(f"{name}\0{_substance(path.read_text(encoding='utf-8'))}\0".encode())
    return total.hexdigest()


def _decides(module: str) -> bool:
    package, _, rest = module.partition(".")
    return package != PACKAGE.name or rest.partition(".")[0] in DECISIVE


def imported(roots: Iterable[str]) -> dict[str, Path]:
    """Modules of the packages of ``roots`` reached by import statements from there, as name → file.

    What is imported by a name that is computed is not seen, and is to be among the roots.
    """
    packages = {PACKAGE.name, *(root.partition(".")[0] for root in roots)}
    found: dict[str, Path] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        path = source(name) if name.partition(".")[0] in packages else None
        if name in found or path is None:
            continue
        found[name] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        pending += _named(path.read_text(encoding="utf-8"), package)
    return found


@cache  # one module is imported by many
def _named(text: str, package: str) -> tuple[str, ...]:
    """What a module of ``package`` with this text may import, by full names."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(names)


def of_code(*modules: str) -> str:
    """SHA-256, in hex, of all that the results of ``modules`` depend on.

    That is their code, what it imports of this project, and data beside it.
    """
    code = {*imported(modules).values()}
    data = {path for folder in {path.parent for path in code} for path in folder.iterdir() if path.suffix in DATA}
    total = hashlib.sha256()
    for path in sorted(code | data):
        total.update(f"{path.relative_to(PACKAGE.parent)}\0{of_file(path)}\0".encode())
    return total.hexdigest()


def source(name: str) -> Path | None:
    """The file of a module, found without importing it or its packages; ``None`` for what is no module with source."""
    places = [str(PACKAGE.parent)] if name.partition(".")[0] == PACKAGE.name else None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = spec.submodule_search_locations or []
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _substance(source: str) -> str:
    """The tokens of ``source`` without comments, docstrings and layout."""
    statements: list[list[str]] = [[]]
    for token in _tokens(source):
        if token.type == tokenize.NEWLINE:
            statements.append([])
        else:
            # Indentation counts as depth, not as the spaces it is made of.
            statements[-1].append({tokenize.INDENT: "{", tokenize.DEDENT: "}"}.get(token.type, token.string))
    return "".join(_without_docstring(" ".join(statement)) for statement in statements)


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens of ``source`` without comments and layout, and every f-string as one, in any version of Python."""
    lines, depth, start = io.StringIO(source).readlines(), 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        step = F_STRING.get(token.type, 0)
        if step == 1 and not depth:
            start = token.start
        depth += step
        if step == -1 and not depth:
            yield token._replace(type=tokenize.STRING, string=_between(lines, start, token.end))
        elif not depth and token.type not in LAYOUT:
            yield token


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text from ``start`` to ``end``, each a line, counted from 1, and a column, counted from 0."""
    text = lines[start[0] - 1 : end[0]]
    text[-1] = text[-1][: end[1]]
    text[0] = text[0][start[1] :]
    return "".join(text)


def _without_docstring(statement: str) -> str:
    """The statement, or only the depth marks before it if it is a bare string, as docstrings are."""
    content = statement.lstrip("{} ")
    try:
        bare_string = isinstance(ast.literal_eval(content), str)
    except (SyntaxError, ValueError):
        bare_string = False
    return statement[: len(statement) - len(content)] if bare_string else f"{statement};"
