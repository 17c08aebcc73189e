"""config/config.yaml as someone broke it: refused in one line that names it, whether Snakemake could read it or not."""

import pytest
import yaml

from nist.studies import schema, yaml_file
from tests.refusals import taken, truncated
from tests.workflow.small_study import ROOT, make_project, snakemake

CONFIGURATION = ROOT / "config/config.yaml"
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A project in which nothing was run."""
    return make_project(tmp_path_factory.mktemp("configuration") / "project")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("studies: [a\n", "not valid YAML: while parsing a flow sequence"),
        pytest.param("", "expected keys and values, found NoneType", marks=pytest.mark.slow),
        pytest.param("studies: paper\nstudies: evidence\n", "'studies' is given twice", marks=pytest.mark.slow),
        pytest.param("studies: !!python/object/apply:os.system [touch x]\n", "not determine", marks=pytest.mark.slow),
    ],
)
def test_a_configuration_that_snakemake_cannot_read_is_named_in_one_line(fresh, content, message):
    (fresh / "config/config.yaml").write_text(content)
    done = snakemake(fresh, "-n")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("error: config/config.yaml: ")
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


def read(path):
    schema.check(yaml_file.read(path), SCHEMA, path)


def test_a_configuration_cut_off_at_any_byte_is_refused_until_its_last_key_is_there(tmp_path):
    # Every key is required, so a part is taken only where nothing but a comment or the end of a value is lost.
    whole = CONFIGURATION.read_bytes()
    last = whole.index(list(yaml.safe_load(whole))[-1].encode() + b":")
    path = tmp_path / "config.yaml"
    for part in truncated(whole):
        path.write_bytes(part)
        assert not taken(read, path) or len(part) > last
    assert taken(read, CONFIGURATION)
