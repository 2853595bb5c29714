"""Checkpoints: what was kept comes back, what does not fit is refused, a full disk leaves the one before."""

import json
import resource
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from torch import nn

from addon.core.errors import OutputError
from models.checkpoint import CheckpointError, load, load_weights, must_match, restore, save

FACTS = {"system": "drawn", "preset": "smoke", "network": {"width": 4, "blocks": 2}, "step": 3}


def parts(width: int = 4, seed: int = 0):
    torch.manual_seed(seed)
    networks = nn.ModuleDict({"generator": nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width))})
    optimisers = {"generator": torch.optim.Adam(networks.parameters(), 1e-2)}
    averaged = {name: value.clone() for name, value in networks.state_dict().items()}
    return networks, averaged, optimisers


def step(networks, optimisers) -> None:
    optimisers["generator"].zero_grad()
    networks["generator"](torch.linspace(-1, 1, 15).view(5, 3)).pow(2).sum().backward()
    optimisers["generator"].step()


def test_all_states_come_back_to_the_bit(tmp_path):
    networks, averaged, optimisers = parts()
    for _ in range(3):
        step(networks, optimisers)
    save(tmp_path / "a.safetensors", FACTS, networks, averaged, optimisers)
    other, means, others = parts(seed=1)
    checkpoint = load(tmp_path / "a.safetensors")
    assert checkpoint.facts.items() >= FACTS.items()
    restore(checkpoint, other, means, others)
    for _ in range(2):
        step(networks, optimisers)
        step(other, others)
    for name, value in networks.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
        assert torch.equal(averaged[name], means[name])


def test_averaged_weights_are_what_is_taken(tmp_path):
    networks, averaged, optimisers = parts()
    averaged = {name: value + 1 for name, value in averaged.items()}
    save(tmp_path / "a.safetensors", FACTS, networks, averaged, optimisers)
    save(tmp_path / "b.safetensors", FACTS, networks, {}, optimisers)
    other = parts(seed=1)[0]
    load_weights(load(tmp_path / "a.safetensors"), other)
    assert torch.equal(other["generator"][0].weight, averaged["generator.0.weight"])
    load_weights(load(tmp_path / "b.safetensors"), other)
    assert torch.equal(other["generator"][0].weight, networks["generator"][0].weight)


def test_another_architecture_is_refused_with_both_named(tmp_path):
    save(tmp_path / "a.safetensors", FACTS, *parts())
    with pytest.raises(CheckpointError, match=r"generator\.0\.weight is \(4, 3\) there and \(6, 3\) in this"):
        load_weights(load(tmp_path / "a.safetensors"), parts(width=6)[0])
    deeper = nn.ModuleDict({"generator": nn.Sequential(*parts()[0]["generator"], nn.Linear(4, 1))})
    with pytest.raises(CheckpointError, match=r"generator\.2\.weight is absent there and \(1, 4\)"):
        load_weights(load(tmp_path / "a.safetensors"), deeper)


def test_another_run_is_refused_with_both_named(tmp_path):
    save(tmp_path / "a.safetensors", FACTS, *parts())
    checkpoint = load(tmp_path / "a.safetensors")
    must_match(checkpoint, system="drawn", network={"width": 4, "blocks": 2})
    with pytest.raises(CheckpointError, match="its preset is smoke, this run's is cpu"):
        must_match(checkpoint, preset="cpu")
    with pytest.raises(CheckpointError, match="its network is width 4, this run's is width 8"):
        must_match(checkpoint, network={"width": 8, "blocks": 2})


def test_missing_damaged_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load(path)
    save(path, FACTS, *parts())
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        load(path)
    path.write_bytes(b"PK\3\4 something else")
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        load(path)


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, FACTS, *parts())
    content = path.read_bytes()
    old, new = (json.dumps(json.dumps({"version": v}))[2:-2].encode() + b"," for v in (1, 9))
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    with pytest.raises(CheckpointError, match="version 9 of checkpoints; this Zygoma reads 1"):
        load(path)


FULL_DISK = """
import resource, sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from test_checkpoint import FACTS, parts
from addon.core.errors import OutputError
from models.checkpoint import save
path = Path({path!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    save(path, FACTS, *parts(width=400))
except OutputError as error:
    print(error)
"""


def test_a_disk_that_fills_leaves_the_one_before(tmp_path):
    path = tmp_path / "a.safetensors"
    save(path, FACTS, *parts())
    before = path.read_bytes()
    code = FULL_DISK.format(root=str(ROOT), tests=str(ROOT / "tests" / "models"), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "tests")
    assert "cannot be written" in done.stdout and "the one before is still there" in done.stdout, done.stderr
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    load(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((OutputError, NotADirectoryError, FileExistsError)):
        save(tmp_path / "file" / "a.safetensors", FACTS, *parts())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
