"""Titles, labels and captions are text wherever they are shown: no markup, no formula, no macro, no further cell."""

import csv
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from analysis.figures import looks, style
from analysis.report import curves
from analysis.tables import layout
from nist.errors import InputError
from nist.studies import study
from tests.refusals import FUZZED

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]> --> ' \" onload=alert(1) {{ 7 * 7 }} {% raw %}",
    "a & b < c | d || e \\| f",
    r"\input{/etc/passwd} $x$ ^2 ~ _ # % {",
    r"$\frac{$ and $\undefined$",
    "\u202e \u00fc \u4e2d \U0001f600",
]


class Page(HTMLParser):
    """Tags of a page, and its text outside scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(name for name, _ in attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def experiment():
    result = study.load("lenet5-digits")
    result.content["feeds"] = {"figa2": {}, "tablea2": {}}
    return result


@pytest.fixture
def render(experiment, metrics_file, make_page, tmp_path):
    """The page of a study with a text in all places that a study, a table or a metrics file has for one."""
    for folder, name in (("figures", "figa2.svg"), ("tables", "tablea2.csv")):
        (tmp_path / folder / experiment.name).mkdir(parents=True)
        (tmp_path / folder / experiment.name / name).write_text("<svg/>")

    def make(text):
        experiment.content.update(title=text, description=text)
        experiment.variants["dense"]["label"] = text
        table = pd.DataFrame({text: [text], "Runs": ["3"]})
        table.to_csv(tmp_path / "tables" / experiment.name / "tablea2.csv", index=False)
        said = {"device": text, "precision": text, "versions": {text: text}}
        metrics = metrics_file("m", [[0.1, 0.2]] * 3, study=experiment.name, variant="dense", describe=said)
        return Page(make_page(experiment, [metrics]))

    return make


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_shown_and_changes_no_tag_of_the_page(render, text):
    page, harmless = render(text), render("x" * len(text))
    assert page.tags == harmless.tags
    assert page.text.count(text) > 5


@settings(FUZZED, max_examples=100)
@given(st.text(max_size=30) | st.sampled_from(HOSTILE))
def test_curves_hold_nothing_that_ends_their_script(frame, text):
    experiment = study.load("lenet5-digits")
    experiment.variants["dense"]["label"] = text
    content = curves.explorer(frame([[0.1, 0.2]], study=experiment.name, variant="dense"), experiment)
    assert not re.search(r"[<\u2028\u2029]", content)
    assert pd.io.json.ujson_loads(content)["variants"][0]["label"] == text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.filterwarnings("ignore:Glyph")  # of scripts that the font has not
def test_a_figure_shows_a_text_as_it_is(tmp_path, experiment, text):
    experiment.variants["dense"]["label"] = text
    experiment.content["title"] = text
    with style.layout():
        figure, axes = plt.subplots()
        (line,) = [one for one in looks.series(experiment, "figa2") if one.variant == "dense"]
        axes.plot([1, 2], [0.1, 0.2], label=line.label, **line.line)
        axes.set_title(experiment.title)
        axes.legend()
        style.save_all(figure, tmp_path / "a")
    assert [one.get_text() for one in axes.get_legend().get_texts()] == [text]
    names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(tmp_path / "a.svg").iter()}
    assert "path" in names
    assert not names & {"script", "foreignObject", "a", "image"}


def test_a_colour_that_matplotlib_does_not_know_is_named(experiment):
    experiment.variants["dense"]["colour"] = "reddish"
    with pytest.raises(InputError, match=r"lenet5-digits.yaml: variants.dense: matplotlib knows no colour 'reddish'"):
        looks.series(experiment, "figa2")


@pytest.mark.parametrize(
    "colour", ["red; background: url(//x)", "url(#a)", "red\n", '"', "var(--x)", "#12", "rgb(1,2,3)"]
)
def test_a_colour_is_a_name_or_six_digits(study_content, load_study, colour):
    study_content["variants"]["dense"]["colour"] = colour
    with pytest.raises(InputError, match=r"variants.dense.colour: .* does not match"):
        load_study(study_content)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_has_as_many_cells_in_every_format(tmp_path, text):
    table = pd.DataFrame({"Model": [text, "b"], "Runs": ["20", text]})
    layout.write(table, text, tmp_path / "t.csv")
    assert list(csv.reader(io.StringIO((tmp_path / "t.csv").read_text("utf-8")))) == [
        ["Model", "Runs"],
        [text, "20"],
        ["b", text],
    ]
    markdown = (tmp_path / "t.md").read_text("utf-8").splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in markdown[2:]} == {3}
    assert "<" not in "".join(markdown)
    latex = (tmp_path / "t.tex").read_text("utf-8").partition("\n")[2]  # after the comment that names the packages
    assert {*re.findall(r"\\([A-Za-z]+)", latex)} <= {
        *("begin", "end", "caption", "toprule", "midrule", "bottomrule", "textbackslash", "textasciitilde"),
        *("textasciicircum", "times", "to", "pm", "footnotesize", "raggedright", "arraybackslash", "dimexpr"),
        *("linewidth", "relax", "hspace"),
    }
    body = latex.partition(r"\midrule")[2].partition(r"\bottomrule")[0].strip().splitlines()
    assert [len(re.findall(r"(?<!\\)&", line)) for line in body] == [1, 1]
    assert re.findall(r"(?<!\\)[%#]", latex) == []
