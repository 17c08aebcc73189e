"""The page in a browser: what its controls do, that it asks for nothing, and that everyone can use it."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from analysis.claims.claim import read as read_claims
from nist.studies import study

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
CURVES = ".explorer > svg path"
ACCURACIES = {
    "dense": [[0.5, 0.6, 0.7], [0.5, 0.7, 0.9]],
    "nist-1-10-p98": [[0.4, 0.5, 0.6], [0.4, 0.5, 0.8]],
}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def written():
    """The page, once it is written."""
    return []


@pytest.fixture
def path(metrics_file, make_page, tmp_path, written):
    """A page of one study with two variants of two runs and three epochs."""
    if written:
        return written[0]
    experiment = study.load("lenet5-digits")
    experiment.content["feeds"] = {}
    files = [metrics_file(name, curve, study=experiment.name, variant=name) for name, curve in ACCURACIES.items()]
    (tmp_path / "report.html").write_text(make_page(experiment, files), encoding="utf-8")
    written.append(tmp_path / "report.html")
    return written[0]


@pytest.fixture
def opened(browser, path):
    """The page, at a desktop's size; at the end, that it asked for nothing and complained of nothing."""
    tab = browser.new_page(viewport={"width": 1250, "height": 900})
    messages, requests = [], []
    tab.on("console", lambda message: messages.append(message.text))
    tab.on("pageerror", lambda error: messages.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(path.as_uri())
    yield tab
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    tab.close()


def readout(tab):
    return [row.inner_text().split("\t") for row in tab.locator(".readout tr").all()]


def test_the_page_shows_what_its_controls_ask_for_and_everyone_can_use_it(opened):
    head, dense, sparse = readout(opened)
    assert head == ["Epoch 3", "Mean", "SD, points", "Min to max"]
    assert dense[1:] == ["80.00 %", f"{100 * np.std([0.7, 0.9], ddof=1):.2f}", "70.00 to 90.00"]
    assert sparse[1:] == ["70.00 %", f"{100 * np.std([0.6, 0.8], ddof=1):.2f}", "60.00 to 80.00"]
    opened.locator("input[type=range]").press("ArrowLeft")
    assert readout(opened)[1][1] == "65.00 %"
    opened.get_by_label("NIST (1, 10), 98 %").uncheck()
    assert opened.locator(CURVES).count() == 2  # a mean and its band
    opened.locator("[data-by=verdict]").select_option("arithmetic wrong")
    shown = opened.locator("#claims tbody tr:visible td:nth-child(5)").all_inner_texts()
    assert set(shown) == {"arithmetic wrong"}
    opened.locator("nav input").fill("a3.alexnet")
    opened.locator("nav input").press("Enter")
    assert 0 < opened.locator("#claims tbody tr:visible").count() < len(shown)
    opened.goto(f"{opened.url}#assumption-B2")
    assert opened.locator("#assumption-B2").is_visible()  # browsers open what folds it away
    opened.set_viewport_size({"width": 375, "height": 800})
    assert opened.evaluate("document.scrollingElement.scrollWidth") <= 375
    opened.emulate_media(color_scheme="dark")
    found = Axe().run(opened, context={"exclude": ["table"]})  # they are long, and have a test of their own
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.slow
def test_the_epoch_is_chosen_with_the_keyboard_or_the_pointer(opened):
    opened.locator("input[type=range]").press("ArrowLeft")
    assert readout(opened)[0][0] == "Epoch 2"
    assert readout(opened)[1][1] == "65.00 %"
    chart = opened.locator(".explorer > svg").bounding_box()
    opened.mouse.move(chart["x"] + 70, chart["y"] + 100)
    assert readout(opened)[0][0] == "Epoch 1"


@pytest.mark.slow
def test_variants_are_toggled_and_runs_shown(opened):
    assert opened.locator(CURVES).count() == 4  # two means, two bands
    opened.get_by_label("Lines").select_option("runs")
    assert opened.locator(CURVES).count() == 6
    opened.get_by_label("Dense").uncheck()
    assert opened.locator(CURVES).count() == 3
    assert len(readout(opened)) == 2
    opened.get_by_label("NIST (1, 10), 98 %").uncheck()
    assert opened.locator(CURVES).count() == 0
    opened.get_by_label("Dense").check()
    opened.get_by_label("Measure").select_option("gap")
    assert readout(opened)[1][1:] == ["0.00 %", "0.00", "0.00 to 0.00"]  # both accuracies are alike here


@pytest.mark.slow
def test_of_many_variants_means_alone_are_drawn_at_first(browser, metrics_file, make_page, tmp_path):
    experiment = study.load("mlp-digits-comparison")
    experiment.content["feeds"] = {}
    names = [*experiment.variants][:5]
    files = [metrics_file(name, [[0.5, 0.8]] * 2, study=experiment.name, variant=name) for name in names]
    (tmp_path / "report.html").write_text(make_page(experiment, files), encoding="utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "report.html").as_uri())
    assert tab.get_by_label("Lines").input_value() == "only"
    assert tab.locator(CURVES).count() == 5
    tab.close()


@pytest.mark.slow
def test_the_ledger_is_filtered(opened):
    rows = pd.DataFrame({name: [getattr(one, name) for one in read_claims().values()] for name in ("study", "kind")})
    status = opened.locator("[data-filter=claims] [role=status]")
    assert status.inner_text() == "354 of 354 claims"
    groups = opened.locator("#claims details:visible")
    assert groups.count() == rows["study"].nunique()
    assert opened.locator("#claims tbody tr:visible").count() == 0  # folded until something is asked for
    opened.locator("[data-filter=claims] [data-by=study]").select_option("alexnet-cifar10")
    expected = (rows["study"] == "alexnet-cifar10").sum()
    assert status.inner_text() == f"{expected} of 354 claims"
    assert opened.locator("#claims tbody tr:visible").count() == expected
    assert groups.count() == 1
    opened.locator("[data-by=kind]").select_option("derivable")
    expected = ((rows["study"] == "alexnet-cifar10") & (rows["kind"] == "derivable")).sum()
    assert status.inner_text() == f"{expected} of 354 claims"
    opened.locator("[data-filter=claims] [data-by=study]").select_option("")
    opened.locator("[data-by=kind]").select_option("")
    opened.locator("[data-by=verdict]").select_option("arithmetic wrong")
    shown = opened.locator("#claims tbody tr:visible td:nth-child(5)").all_inner_texts()
    assert set(shown) == {"arithmetic wrong"}
    opened.get_by_label("Containing").fill("a3.alexnet")
    assert 0 < opened.locator("#claims tbody tr:visible").count() < len(shown)
    opened.get_by_label("Containing").fill("")
    opened.locator("[data-by=verdict]").select_option("")
    assert opened.locator("#claims details[open]").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [1250, 375])
def test_the_ledger_is_searched_from_anywhere(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    opened.locator("nav [type=search]").fill("any network, k=1 on 10->5: edges")
    opened.locator("nav [type=search]").press("Enter")
    assert opened.locator("#claims tbody tr:visible").count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [1250, 375])
def test_everyone_can_use_it_and_nothing_overflows(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    opened.locator("details").first.locator("summary").click()
    assert opened.evaluate("document.scrollingElement.scrollWidth") <= width
    found = Axe().run(opened)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.slow
def test_on_paper_there_are_no_controls(opened):
    opened.emulate_media(media="print")
    assert not opened.locator(".controls").first.is_visible()
    assert opened.locator("#claims tbody tr").first.is_visible()


@pytest.mark.slow
def test_without_javascript_everything_but_the_curves_is_there(browser, path):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(path.as_uri())
    assert tab.locator("#claims tbody tr").count() == 354
    assert re.search("With JavaScript", tab.locator("noscript").inner_text())
    context.close()
