"""YAML as people write it by hand, read strictly: plain values alone, no key twice, and no surprise from an alias."""

import contextlib
import math
import re
import unicodedata
from copy import deepcopy
from functools import cache
from pathlib import Path

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from nist.errors import InputError

LONGEST = 100_000  # bytes of a file; the longest study has 5,000
MOST = 100_000  # values, those that an alias repeats counted every time
PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")  # what JSON has too; dates, sets and objects are refused
CONTROLS = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories of controls, halves of characters and line separators
LARGEST = 2**63 - 1
# Of libyaml's parser, which is ten times as fast: so many of these make no nesting that its composer would crash on,
# even in a thread's small stack; and what it reads otherwise than PyYAML's own parser has one of these.
OPENERS, NESTED = ("[", "{", "- "), 500
ODD = re.compile("[!?\t\ufeff]|^%|[|>][-+0-9]*#", re.MULTILINE)


def read(path: Path) -> dict:
    """Parse a YAML file into a dictionary of plain JSON values.

    Raises ``InputError`` if the file cannot be read, is too long, is not YAML or holds more than keys and plain values,
    if a key is no text or is there twice, a number is not finite, or a text has control characters.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise InputError(f"{path}: longer than {LONGEST:,} bytes; not a file of this project")
        parsed = deepcopy(_parsed(content.decode("utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise InputError(f"{path}: not valid YAML: nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:  # of the latter kind is what is not UTF-8
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except LookupError:  # PyYAML's own, of !!bool maybe and !!int ""
        raise InputError(f"{path}: not valid YAML: a value that is not of the type its tag says") from None
    if not isinstance(parsed, dict):
        raise InputError(f"{path}: expected keys and values, found {type(parsed).__name__}")
    return parsed


@cache  # one file is part of many studies
def _parsed(text: str) -> object:
    if sum(map(text.count, OPENERS)) <= NESTED and not ODD.search(text):
        with contextlib.suppress(yaml.YAMLError):
            return yaml.load(text, _QuickLoader)
    return yaml.load(text, _Loader)  # clearer in what is wrong, too


class _Checks(SafeConstructor, Resolver):
    """Of a safe loader of PyYAML: without its types beyond JSON's, and with the checks that ``read`` promises."""

    count = 0

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        """What an alias repeats is made anew, so that changing the one does not change the other."""
        self.count += 1
        if self.count > MOST:
            raise ConstructorError(None, None, f"more than {MOST:,} values, repeated ones counted", node.start_mark)
        self.constructed_objects.pop(node, None)
        return super().construct_object(node, deep=True)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """PyYAML takes a key twice, against YAML's rules, and keeps the last value without a word."""
        mapping = super().construct_mapping(node, deep=True)
        seen = set()
        for key_node, _ in node.value:
            key = super().construct_object(key_node)
            if not isinstance(key, str):
                raise ConstructorError(None, None, f"the key {key!r} is no text; quote it", key_node.start_mark)
            if key in seen:
                raise ConstructorError(None, None, f"{key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return mapping

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """A finite number that fits 64 bits; YAML's ``.inf`` and ``.nan`` are none."""
        kind = node.tag.rpartition(":")[2]
        value = self.construct_yaml_int(node) if kind == "int" else self.construct_yaml_float(node)
        if abs(value) > LARGEST if kind == "int" else not math.isfinite(value):
            raise ConstructorError(None, None, f"{node.value[:20]} is too large or no number", node.start_mark)
        return value

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """A text that can be printed and written to a file; it may have lines."""
        value = self.construct_yaml_str(node)
        if any(unicodedata.category(one) in CONTROLS and one not in "\n\t" for one in value):
            raise ConstructorError(None, None, f"control characters in {value[:40]!r}", node.start_mark)
        return value


_CONSTRUCT = dict.fromkeys(("int", "float"), _Checks.construct_number) | {"str": _Checks.construct_text}
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in PLAIN}
_Checks.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Checks.yaml_constructors = {
    tag: _CONSTRUCT.get((tag or "").rpartition(":")[2], construct)
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag in _TAGS
}


class _Loader(_Checks, yaml.SafeLoader):
    pass


class _QuickLoader(_Checks, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    pass
