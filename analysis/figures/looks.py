"""Colour and dashes of each variant, in figures and on the page."""

from typing import NamedTuple

from matplotlib.colors import is_color_like

from nist.errors import InputError
from nist.studies.study import Study

# The paper's colour names in shades that differ in lightness too, so that they stay apart in grey.
SHADES = {
    "red": "#d1242f",
    "blue": "#3a7bd5",
    "black": "#1b1f24",
    "purple": "#8a3ffc",
    "orange": "#e8820c",
    "green": "#1a7f37",
}
DASHES = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (11, 2.5)), (0, (3, 1, 1, 1, 1, 1))]


class Series(NamedTuple):
    """One variant's line: where its rows are, its name in the legend, and its look."""

    variant: str
    label: str
    line: dict


def series(study: Study, figure: str) -> list[Series]:
    """The variants that ``figure`` shows of a study, in the study's order, with label, colour and dashes.

    Raises ``InputError`` for a colour that matplotlib does not know.
    """
    colours = study.content["feeds"].get(figure, {}).get("series")
    colours = colours or {name: variant["colour"] for name, variant in study.variants.items()}
    result = []
    for position, (name, variant) in enumerate(study.variants.items()):
        if name in colours:
            colour = SHADES.get(colours[name], colours[name])
            if not is_color_like(colour):
                raise InputError(f"{study.path}: variants.{name}: matplotlib knows no colour {colour!r}; give #rrggbb")
            look = {"color": colour, "linestyle": DASHES[position % len(DASHES)]}
            result.append(Series(name, variant["label"], look))
    return result
