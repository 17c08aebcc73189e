"""The findings, which ``analysis.findings`` writes as Markdown, as a part of the page."""

from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from nist.errors import InputError

TABLE = '<div class="scroll" tabindex="0" role="group" aria-label="Table of the findings">\n<table>\n'


def section(path: Path) -> Markup:
    """HTML of the Markdown at ``path`` without its title, headings one level down, tables that can scroll.

    HTML in it is escaped. Raises ``InputError`` if the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable ({error})") from None
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", lambda *_: TABLE)
    parser.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")
    tokens = parser.parse(text)
    title = next((place for place, token in enumerate(tokens) if token.tag == "h1" and token.nesting == -1), -1)
    tokens = tokens[title + 1 :]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    return Markup(parser.renderer.render(tokens, parser.options, {}))
