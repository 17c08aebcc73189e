"""The code of a model, read and never imported: what can be told of it without torch, before anything is trained."""

import ast
from importlib.util import find_spec
from pathlib import Path

from nist import digest
from nist.errors import InputError

NETWORKS = ("alexnet", "deit_small", "lenet5", "mlp", "mobilenetv1", "vgg16")  # of nist.models


def source(name: str) -> Path:
    """The file of a model: of this package or, with dots in its name, of anyone's. Raises ``InputError`` for none."""
    path = digest.source(name if "." in name else f"nist.models.{name}")
    if path is None:
        known = ", ".join(NETWORKS)
        where = "is its package installed, or in the folder you are in?" if "." in name else f"there are {known}"
        raise InputError(f"model.name: unknown model {name!r}; {where}")
    return path


def check(model: dict) -> None:
    """Check that a configuration's ``model`` can be imported, and takes its options, as far as its text says.

    What a function does with its options, and what a module does beyond its import statements, is only seen when it
    runs. Raises ``InputError`` for a model that there is not, for one that is not Python, imports what is not
    installed or lacks the function that is needed, and for options that this does not take or needs.
    """
    name, part, path = model["name"], "backbone" if "head" in model else "network", source(model["name"])
    try:
        code = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise InputError(f"model.name: {path} is not valid Python: {error}") from None
    for package in _packages(code):
        if find_spec(package) is None:
            raise InputError(f"model.name: {path} imports {package}, which is not installed")
    functions = [node for node in code.body if isinstance(node, ast.FunctionDef) and node.name == part]
    if functions and not functions[-1].decorator_list:
        _check_options(name, functions[-1].args, model["options"])
    elif part not in path.read_text(encoding="utf-8"):
        other = "blocks" if "head" in model else "head"
        raise InputError(f"model: {name} has no {part}; a study of it gives {other}")


def _packages(code: ast.Module) -> list[str]:
    """Packages that a module imports when it is imported, in any case."""
    names = [alias.name for node in code.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in code.body if isinstance(node, ast.ImportFrom) and not node.level]
    return sorted({name.partition(".")[0] for name in names if name})


def _check_options(name: str, arguments: ast.arguments, options: dict) -> None:
    """Check options against the arguments of the function, of which the first is the shape of an image."""
    positional = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    named = [one.arg for one in arguments.kwonlyargs]
    taken = [*positional[1:], *named]
    has_default = positional[len(positional) - len(arguments.defaults) :] if arguments.defaults else []
    has_default += [key for key, value in zip(named, arguments.kw_defaults, strict=True) if value is not None]
    for key in options:
        if key not in taken and not arguments.kwarg:
            raise InputError(f"model.options: {name} takes no {key!r}; it takes {', '.join(taken) or 'none'}")
    for key in taken:
        if key not in options and key not in has_default:
            raise InputError(f"model.options: {name} needs {key!r}")
