"""FINDINGS.md is what the published metrics say."""

import shutil

import pytest

from tests.workflow.small_study import ROOT, logs, snakemake


@pytest.mark.slow
def test_the_findings_are_those_of_the_published_metrics(tmp_path):
    for name in ("nist", "analysis", "workflow", "profiles", "config", "docs", "results/published"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    done = snakemake(tmp_path, "--config", "metrics_source=published", "studies=evidence", "--", "results/findings.md")
    assert done.returncode == 0, done.stderr + logs(tmp_path)
    found, kept = (
        path.read_text(encoding="utf-8") for path in (tmp_path / "results/findings.md", ROOT / "FINDINGS.md")
    )
    assert found == kept, "FINDINGS.md is out of date: make findings"
