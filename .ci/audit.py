"""``make audit``: known vulnerabilities of the locked packages, and secrets in tracked files. Any fails.

Where no vulnerability service can be reached, as on machines without the internet, it says so and is content.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path("requirements.lock")
SERVICES = ("pypi", "osv")  # asked in turn until one knows a package; both serve the Python packaging advisories
# Digests of data sets and revisions of their repositories, which look like keys.
DIGESTS = r"(^|/)study_digests\.yaml$"
PUBLIC = r"""["']?(train|test|revision)["']?[:=] ?["'][0-9a-f]{40,64}["']"""


def vulnerabilities(lock: Path) -> tuple[list[str], int]:
    """What is known against the packages of ``lock``, a line each, and how many of these could be looked up."""
    for service in SERVICES:
        command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--disable-pip", "--require-hashes"]
        options = ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
        done = subprocess.run([*command, *options], capture_output=True, text=True)
        try:
            packages = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):  # no connection
            continue
        audited = [package for package in packages if "skip_reason" not in package]
        if audited:  # else the service answered, but knows no package: pip-audit calls that "none found"
            return [line for package in audited for line in findings(package)], len(audited)
    return [], 0


def findings(package: dict) -> list[str]:
    """A line for each vulnerability of one package of pip-audit's report."""
    name = f"{package['name']} {package['version']}"
    return [
        f"{name}: {one['id']}, fixed in {', '.join(one['fix_versions']) or 'no version'}" for one in package["vulns"]
    ]


def secrets(folder: Path) -> list[str]:
    """Where tracked files of a git repository seem to hold a key, a token or a password: ``file:line: kind``."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True)
    scan = [sys.executable, "-m", "detect_secrets.pre_commit_hook", "--json", "--no-verify"]
    public = ["--exclude-lines", PUBLIC, "--exclude-files", DIGESTS]
    done = subprocess.run(
        [*scan, *public, *filter(None, listed.stdout.split("\0"))], cwd=folder, capture_output=True, text=True
    )
    if done.returncode == 0:
        return []
    results = json.loads(done.stdout)["results"]
    return [f"{file}:{one['line_number']}: {one['type']}" for file, found in results.items() for one in found]


def main() -> None:
    """Audit the project in the working directory."""
    known, n = vulnerabilities(LOCK)
    found = (
        f"{len(known)} vulnerabilities known of {n} packages" if n else "left out: no service of advisories is in reach"
    )
    print(f"dependency audit: {found}")
    planted = secrets(Path())
    print(f"secrets scan: {len(planted)} found in tracked files")
    if known or planted:
        sys.exit("\n".join([*known, *planted]))


if __name__ == "__main__":
    main()
