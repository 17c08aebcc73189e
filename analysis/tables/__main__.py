"""``python -m analysis.tables``: the tables of a study, or the paper's own, in one process."""

from importlib import import_module

from analysis import study_results
from analysis.tables import layout
from nist.errors import run


def main(argv: list[str] | None = None) -> None:
    """Write the tables of a study, or those of the paper, as CSV, Markdown and LaTeX."""
    items, folder = study_results.parse("analysis.tables", main.__doc__, "table", argv)
    for item in items:
        module = import_module(item.module)
        title = getattr(module, "TITLE", "; ".join(source.study.title for source in item.given))
        layout.write(module.build(item.given), title, folder / f"{item.name}.csv")


if __name__ == "__main__":
    run(main)
