"""Tables in LaTeX that fit a page: long cells wrap, and a long table continues on the next page."""

import pandas as pd

MACROS = str.maketrans(
    {symbol: f"\\{symbol}" for symbol in "%&_#${}"}
    | {symbol: f"\\textsuperscript{{{digit}}}" for symbol, digit in zip("¹²⁹", "129", strict=True)}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
    | {"±": r"$\pm$", "−": "$-$", "×": r"$\times$", "–": "--", "→": r"$\to$"}
)
NEEDS = "% Needs \\usepackage{array, booktabs, longtable}; with ten columns or more, a landscape page.\n"
LINE = {"\\footnotesize": 85, "\\scriptsize": 110}  # characters on a line of the article class
PAGE = 15  # rows, where cells wrap
GAP = "6pt"  # between columns that wrap


def render(cells: pd.DataFrame, note: str, title: str) -> str:
    """A table of strings with its title above and its note below, for ``\\input``."""
    is_long = len(cells) > PAGE
    options = {"index": False, "caption": _escaped(title), "column_format": _columns(cells), "longtable": is_long}
    text = cells.map(_escaped).rename(columns=_escaped).to_latex(**options)
    if note:
        end = f"\\end{{{'longtable' if is_long else 'tabular'}}}\n"
        text = text.replace(end, f"{end}\\par {_escaped(note)}\n")
    return NEEDS + text


def _escaped(text: str) -> str:
    return text.translate(MACROS).replace(r" \%", r"~\%")


def _columns(cells: pd.DataFrame) -> str:
    """As wide as their text, if a line holds it; else shares of it, for the longest word or cells of three lines."""
    texts = [[name, *cells[name]] for name in cells]
    natural = [max(map(len, column)) for column in texts]
    small, tiny = LINE
    if sum(natural) <= LINE[small]:
        return "l" * len(natural)
    words = [max(len(word) for text in column for word in text.replace(" %", "_%").split()) for column in texts]
    widths = [max(word + 1, length / 3) for word, length in zip(words, natural, strict=True)]
    size = small if sum(widths) <= LINE[small] else tiny
    cell = rf">{{{size}\raggedright\arraybackslash}}p{{\dimexpr%.3f\linewidth-{GAP}\relax}}"
    return "@{}" + rf"@{{\hspace{{{GAP}}}}}".join(cell % (width / sum(widths)) for width in widths) + "@{}"
