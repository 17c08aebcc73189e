"""Checking what a YAML file says against a JSON schema."""

import re
import warnings
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nist.errors import InputError

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

Source = Path | str


def check(content: dict, schema: Path, source: Source | Callable[[tuple], Source]) -> None:
    """Check ``content`` against a JSON schema and name the first offending key of ``source``.

    Of content from several files, ``source`` gives the file of a key, by the keys that lead there. Without jsonschema
    installed, as on a bare compute node, it warns and leaves the checking to the machine that plans.
    """
    try:
        from jsonschema import exceptions
    except ImportError:
        name = source(()) if callable(source) else source
        warnings.warn(f"jsonschema is not installed: {name} is not checked against its schema", stacklevel=2)
        return
    error = exceptions.best_match(_validator(schema).iter_errors(content))
    if error is None:
        return
    where = ".".join(map(str, error.absolute_path)) or "top level"
    meaning = error.schema.get("description") if isinstance(error.schema, dict) else None
    name = source(_offending(error)) if callable(source) else source
    expected = f" (expected: {meaning})" if meaning else ""
    raise InputError(f"{name}: {where}: {error.message}{_remedy(error)}{expected}")


def _remedy(error: Any) -> str:
    """How YAML makes a text of a number or date, if that text would do; for any other error nothing."""
    text, is_bare = str(error.instance), type(error.instance) in (int, float, date)
    if is_bare and error.validator == "type" and "string" in error.validator_value:
        return f'; quote it: "{text}"' if re.fullmatch(error.schema.get("pattern", ".*"), text) else ""
    return ""


def _offending(error: Any) -> tuple:
    """The path of keys to the place of a jsonschema error, a missing or unknown key included."""
    keys = tuple(error.absolute_path)
    if error.validator == "required":
        return (*keys, next(key for key in error.validator_value if key not in error.instance))
    if error.validator == "additionalProperties":
        return (*keys, next(key for key in error.instance if key not in error.schema.get("properties", {})))
    return keys


@cache
def _validator(path: Path) -> "Validator":
    """A validator for which 2.0 is no integer, as it would be no ``range``'s, and a pattern has to fit a whole text."""
    from jsonschema import Draft202012Validator, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    strict = validators.extend(Draft202012Validator, {"pattern": _mismatch}, type_checker=types)
    return strict(yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _mismatch(validator: "Validator", pattern: str, instance: object, schema: dict) -> Iterator["ValidationError"]:
    """Python's ``$`` alone would let a newline through after a name."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")
