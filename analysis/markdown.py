"""Markdown tables of text, for pages that are compared with what they are made from."""


def table(rows: list[dict[str, str]]) -> str:
    """A Markdown table of rows that all have the same columns; nothing for none.

    As pages are compared byte by byte, no library's idea of layout is in it.
    """
    if not rows:
        return ""
    cells = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in cells)
