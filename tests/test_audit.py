"""``make audit``: what it finds fails, and what it cannot look up it says."""

import hashlib
import importlib.util
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path):
    """A git repository in which a test tracks a file."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)

    def track(text, name="a file.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
        return tmp_path

    return track


# In parts, so that they are no secrets of this file.
PLANTED = {
    "GitHub Token": "x = ghp_" + 12 * "Ab1",
    "AWS Access Key": "AKIA" + "IOSFODNN7EXAMPLQ",
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Basic Auth Credentials": "https://user:" + "hunter2@example.org",
    "Secret Keyword": "pass" + 'word = "correct horse battery"',
}


def test_a_planted_secret_is_found(audit, repository):
    folder = repository("\n".join(["first = 1", *PLANTED.values(), ""]))
    assert audit.secrets(folder) == [f"a file.py:{line}: {kind}" for line, kind in enumerate(PLANTED, start=2)]


def test_digests_and_files_that_git_does_not_track_are_no_finding(audit, repository):
    folder = repository(f'digests = {{"train": "{hashlib.sha256(b"images").hexdigest()}"}}\n')
    (folder / "untracked.py").write_text(PLANTED["GitHub Token"])
    assert audit.secrets(folder) == []


def answering(**answers):
    """A stand-in for pip-audit that answers for each service."""

    def run(command, **_):
        service = command[command.index("--vulnerability-service") + 1]
        return SimpleNamespace(stdout=answers[service], returncode=0)

    return run


SKIPPED = json.dumps({"dependencies": [{"name": "a", "skip_reason": "not found"}]})
HOLE = {"id": "CVE-1", "fix_versions": ["2"]}
KNOWN = json.dumps(
    {"dependencies": [{"name": "a", "version": "1", "vulns": [HOLE]}, {"name": "b", "skip_reason": "x"}]}
)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"pypi": SKIPPED, "osv": "Traceback: no connection"}, ([], 0)),
        ({"pypi": "", "osv": KNOWN}, (["a 1: CVE-1, fixed in 2"], 1)),
        ({"pypi": KNOWN}, (["a 1: CVE-1, fixed in 2"], 1)),
    ],
)
def test_packages_that_nobody_knows_are_not_called_safe(audit, monkeypatch, answers, found):
    monkeypatch.setattr(audit.subprocess, "run", answering(**answers))
    assert audit.vulnerabilities(ROOT / "requirements.lock") == found


def test_a_finding_fails_and_no_service_does_not(audit, monkeypatch, capsys):
    monkeypatch.setattr(audit, "secrets", lambda folder: [])
    monkeypatch.setattr(audit, "vulnerabilities", lambda lock: ([], 0))
    audit.main()
    assert "dependency audit: left out: no service of advisories is in reach\n" in capsys.readouterr().out
    monkeypatch.setattr(audit, "vulnerabilities", lambda lock: (["a 1: CVE-1, fixed in 2"], 1))
    with pytest.raises(SystemExit, match="a 1: CVE-1"):
        audit.main()
    monkeypatch.setattr(audit, "vulnerabilities", lambda lock: ([], 0))
    monkeypatch.setattr(audit, "secrets", lambda folder: ["a.py:1: AWS Access Key"])
    with pytest.raises(SystemExit, match=r"a\.py:1: AWS Access Key"):
        audit.main()
