"""Texts of the ledger as HTML: commands stand out, and numbers of assumptions lead to them."""

import re

from markupsafe import Markup, escape


def reason(text: str, numbers: set[str]) -> Markup:
    """A reason, escaped: what stands between backticks as code, each of ``numbers`` as a link to its assumption."""
    parts = str(escape(text)).split("`")
    shown = [f"<code>{part}</code>" if place % 2 else _linked(part, numbers) for place, part in enumerate(parts)]
    return Markup("".join(shown))


def _linked(text: str, numbers: set[str]) -> str:
    def link(found: re.Match) -> str:
        number = found.group()
        return f'<a href="#assumption-{number}">{number}</a>' if number in numbers else number

    return re.sub(r"\b[A-Z]\d{1,2}\b", link, text)
