"""No file is unpickled, evaluated, unpacked into folders or put through a shell: neither in the sources nor in fact."""

import ast
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import yaml

from nist.data import packed
from nist.errors import InputError
from nist.models import pretrained
from nist.studies import study

SAFE_LOADERS = ("_Loader", "_QuickLoader", "yaml.SafeLoader", "getattr(yaml, 'CSafeLoader', yaml.SafeLoader)")

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("nist", "analysis") for path in (ROOT / folder).rglob("*.py"))
FORBIDDEN_MODULES = {
    "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve",  # run what they read
    "tarfile", "zipfile",  # unpack into folders
}  # fmt: skip
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pandas.read_pickle", "pd.read_pickle",
    "shutil.unpack_archive", "yaml.unsafe_load", "yaml.full_load", "subprocess.getoutput", "torch.jit.load",
}  # fmt: skip


def violations(source: str) -> list[str]:
    """Calls and imports by which a file's content could be run or unpacked, as ``line: what``."""
    return [f"{node.lineno}: {fault}" for node in ast.walk(ast.parse(source)) for fault in faults(node)]


def faults(node: ast.AST):
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        yield from (f"import {name}" for name in names if name.partition(".")[0] in FORBIDDEN_MODULES)
    if not isinstance(node, ast.Call):
        return
    name, keywords = ast.unparse(node.func), {one.arg: one.value for one in node.keywords}
    if name in FORBIDDEN_CALLS or name.endswith((".extractall", ".extract")):
        yield f"{name}()"
    if "shell" in keywords and not is_constant(keywords["shell"], False):
        yield f"{name}(shell=…)"
    if "allow_pickle" in keywords and not is_constant(keywords["allow_pickle"], False):
        yield f"{name}(allow_pickle=…)"
    if name == "torch.load" and not is_constant(keywords.get("weights_only"), True):
        yield "torch.load() without weights_only=True"
    if name in ("yaml.load", "yaml.load_all") and ast.unparse(node.args[-1]) not in SAFE_LOADERS:
        yield f"{name}() with {ast.unparse(node.args[-1])}"


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def test_no_source_runs_or_unpacks_what_it_reads():
    assert SOURCES
    assert [(path, found) for path in SOURCES if (found := violations(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from dill import loads",
        "import zipfile",
        "eval(text)",
        "os.system(text)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(path)",
        "subprocess.run(text, shell=True)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, yaml.Loader)",
        "yaml.load(text, yaml.UnsafeLoader)",
        "pd.read_pickle(path)",
    ],
)
def test_the_check_sees_what_it_is_there_for(source):
    assert len(violations(source)) == 1


class Payload:
    """What leaves a mark at ``path`` when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "was run"


def test_the_payload_works(mark):
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_weights_with_a_payload_are_refused_and_not_run(tmp_path, mark, suffix):
    path = tmp_path / "weights" / f"a{suffix}"
    path.parent.mkdir()
    path.write_bytes(pickle.dumps({"a.weight": Payload(mark)}))
    weights = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "trained_on": "caffe"}
    with pytest.raises(InputError, match="not readable weights"):
        pretrained.load({"model": {"weights": weights}, "data": {"normalisation": "caffe"}}, tmp_path)
    assert not mark.exists()


def test_a_cache_with_a_payload_is_made_anew_and_not_run(tmp_path, mark):
    objects = np.array([Payload(mark)], dtype=object)
    np.savez(tmp_path / "digits.npz", source=objects, train_images=objects)
    assert len(packed.load("digits", tmp_path, tmp_path).train_images) == 1201
    np.save(tmp_path / "digits", objects)
    (tmp_path / "digits.npy").rename(tmp_path / "digits.npz")
    assert len(packed.load("digits", tmp_path, tmp_path).train_images) == 1201
    assert not mark.exists()


def test_a_study_with_a_payload_is_refused_and_not_run(tmp_path, mark):
    path = tmp_path / "a.yaml"
    path.write_text(yaml.dump({"study": Payload(mark)}), encoding="utf-8")
    with pytest.raises(InputError, match="could not determine a constructor for the tag"):
        study.load(path)
    assert not mark.exists()
