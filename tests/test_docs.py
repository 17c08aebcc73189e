"""``make docs``: the site is whole, strict, and asks nobody for anything."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nist
from analysis.contracts import STATISTICS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHROMIUM = shutil.which("chromium")
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?\s(?:src|href|srcset|data)="?([^\s">]+)"""
    r"""|url\(["']?([^)"']+)|@import\s+["']([^"']+)"""
)


def build(config, folder):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(DOCS / "site/mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_reference_has_every_public_name_and_statistic():
    method, statistics = ((DOCS / f"api/{page}.md").read_text(encoding="utf-8") for page in ("nist", "statistics"))
    assert set(re.findall(r"^::: nist\.(\w+)$", method, re.MULTILINE)) == {*nist.__all__}
    assert set(re.findall(r"^::: analysis\.statistics\.(\w+)$", statistics, re.MULTILINE)) == {*STATISTICS}


@pytest.mark.xdist_group("docs")
def test_every_page_is_there_and_code_of_the_gallery_too(site):
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")} | {Path("findings.html")}
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    assert built == pages | {Path("404.html")}
    gallery = (site / "gallery.html").read_text(encoding="utf-8")
    assert "channels_last" in gallery
    assert "--8<--" not in gallery


@pytest.mark.xdist_group("docs")
def test_nothing_that_a_page_loads_lies_elsewhere(site):
    loaded = {
        next(filter(None, found))
        for path in site.rglob("*")
        if path.suffix in (".html", ".css")
        for found in LOADED.findall(path.read_text(encoding="utf-8"))
    }
    assert any(name.endswith(".js") for name in loaded)
    assert any(name.endswith(".css") for name in loaded)
    assert [name for name in loaded if re.match(r"(https?:)?//", name)] == []


@pytest.fixture
def page():
    """A phone's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium.new_page(viewport={"width": 375, "height": 800})
        chromium.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.xdist_group("docs")
def test_in_a_browser_pages_ask_nobody_search_finds_and_phones_have_room(site, page):
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 375, path
    page.locator("label[for=__search]").first.click()
    page.locator("input.md-search__input").press_sequentially("neuroseed_mask")
    page.locator(".md-search-result__item").first.wait_for()
    assert asked
    assert [url for url in asked if not url.startswith("file:")] == []
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[own](own-model.md)", None),
        ("[code](../nist/train.py), `docs/own-model.md`, [what was found](../FINDINGS.md)\n\n::: nist.prune", None),
        ("[x](no-page.md)", "no-page.md"),
        ("`docs/no-page.md`", "no-page.md"),
        ("[x](own-model.md#no-heading)", "no-heading"),
        ("::: nist.no_name", "no_name"),
        ("[x][nist.no_name]", "no_name"),
        ("--8<--\nexamples/none.py\n--8<--", "none.py"),
    ],
)
def test_what_is_not_there_fails_the_build(text, said, tmp_path):
    (tmp_path / "nist").symlink_to(ROOT / "nist")
    pages = {"FINDINGS.md": "# Findings", "docs/own-model.md": "# Own", "docs/index.md": f"# Home\n\n{text}\n"}
    for name in ("mkdocs.yml", "links.py", "style.css", "iframe-worker.js"):
        pages[f"docs/site/{name}"] = (DOCS / "site" / name).read_text(encoding="utf-8")
    settings = pages["docs/site/mkdocs.yml"]
    pages["docs/site/mkdocs.yml"] = settings[: settings.index("\nnav:")] + "\n"
    for name, content in pages.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    done = build(tmp_path / "docs/site/mkdocs.yml", tmp_path / "site")
    assert (done.returncode == 0) == (said is None), done.stderr
    assert said is None or said in done.stderr
