"""Show whole studies: every value that a study has, said or inherited, and the file that it stands in."""

import argparse
from collections.abc import Iterator

import yaml

from nist.errors import run
from nist.studies import inheritance, study

UNSAID = "where no file says it"
COLUMN = 60  # of the comments, behind values that leave room


def show(name: str) -> str:
    """A whole study as YAML, with the file of each value in a comment behind it. Errors as those of ``study.load``."""
    whole = inheritance.resolve(study.load(name).path)
    lines = (f"{line:{COLUMN}}# {whole.file(keys) or UNSAID}" if keys else line for line, keys in _lines(whole.content))
    return "\n".join(lines)


def _lines(content: dict, *above: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Lines of YAML, each with the keys that lead to its value, or without any where values follow below."""
    for key, value in content.items():
        name, keys = f"{'  ' * len(above)}{_in_one_line(key)}:", (*above, key)
        if isinstance(value, dict) and value:
            yield name, ()
            yield from _lines(value, *keys)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield name, ()
            yield from ((f"{'  ' * len(keys)}- {_in_one_line(item)} ", keys) for item in value)
        else:
            yield f"{name} {_in_one_line(value)} ", keys


def _in_one_line(value: object) -> str:
    quoted = '"' if isinstance(value, str) and "\n" in value else None
    text = yaml.safe_dump(
        value, default_style=quoted, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf")
    )
    return text.removesuffix("...\n").removesuffix("\n")


def main(argv: list[str] | None = None) -> None:
    """Print a whole study, each value with the file that it stands in."""
    parser = argparse.ArgumentParser(prog="python -m nist.studies", description=main.__doc__)
    parser.add_argument("command", choices=("show",))
    parser.add_argument("study", help="name of a study in config/studies, or a path to its YAML file")
    print(show(parser.parse_args(argv).study))


if __name__ == "__main__":
    run(main)
