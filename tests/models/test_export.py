"""From a checkpoint to a pack that Zygoma animates with, and from the pack back to the weights."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from addon.core import pack_page
from addon.core.attributes import COMMON, INDEX
from addon.core.errors import OutputError, PackError
from addon.core.faces import FaceReader, cut, read_photo
from addon.core.pack import read_pack
from addon.core.session import Generator
from models import checkpoint as checkpoints
from models.checkpoint import CheckpointError
from models.events import read_events
from models.export import (
    PAPERS,
    PORTRAITS,
    TITLES,
    About,
    ExportError,
    example,
    export_pack,
    graphs_of,
    main,
    parity,
    read_portraits,
    unmoved,
    write_graphs,
)
from models.graph import export_graph, weights, write_graph
from models.presets import PRESETS, find
from models.train import Run, start_from
from models.trained import load_trained, weights_of_pack

STEP = 10


def save_checkpoint(folder: Path, system: str = "ganimation", seed: int = 0, **facts) -> Path:
    """A run of a smoke preset that has learnt nothing, its weights all different; `facts` replace the checkpoint's."""
    preset = find(system, "smoke")
    torch.manual_seed(seed)
    networks = preset.objective(preset.network, preset.weights, preset.training.size, 7).networks
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    run = Run(system, "smoke", preset, folder, torch.device("cpu"))
    path = folder / "best.safetensors"
    checkpoints.save(path, {**run.facts(), "step": STEP, "samples": 20, "best": 0.9, **facts}, networks, {}, {})
    (folder / "config.json").write_text(json.dumps({"people": 7, "machine": "2 CPU cores"}))
    return path


@pytest.fixture(scope="module")
def subjects():
    return read_portraits()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkpoint and its pack."""
    folder = tmp_path_factory.mktemp("export")
    path = save_checkpoint(folder / "run")
    with SummaryWriter(str(folder / "run")) as log:
        for step, shift in ((5, 0.1), (STEP, 0.2), (15, 0.3)):
            for name, value in (("AU01", 0.1), ("AU12", 0.3), ("AU26", 0.5), ("combination", 0.4), ("pose", 0.6)):
                log.add_scalar(f"gain/{name}", value + shift, step)
            log.add_scalar("held_out/error", 1 - shift, step)
    return path, export_pack(path, folder / "learnt", About("learnt", "Learnt", figures={"judged": 3, "by": "dlib"}))


def test_pack_says_what_the_run_was(made):
    _, pack = made
    assert read_pack(pack.folder).metrics == pack.metrics
    assert (pack.id, pack.title, pack.system, pack.sizes) == ("learnt", "Learnt", "ganimation", (64, 512))
    assert pack.attributes == COMMON and pack.crop_side == find("ganimation", "smoke").training.side
    assert pack.paper == PAPERS["ganimation"]
    assert (pack.training.samples, pack.training.people, pack.training.machine) == (20, 7, "2 CPU cores")
    assert pack.training.minutes is not None and pack.training.minutes < 1
    figures = pack.metrics
    assert figures["gain, one unit"] == pytest.approx(0.5) and figures["gain, head pose"] == pytest.approx(0.8)
    assert figures["error, held-out people, of copying's"] == pytest.approx(0.8), "of the step, not the latest"
    assert figures["gain, each unit"] == "AU01 0.30, AU12 0.50, AU26 0.70"
    assert (figures["judged"], figures["by"]) == (3, "dlib")
    assert dict(pack_page.summary(pack))["Trained on"].startswith(
        "synthetic people, preset smoke, 20 samples, 7 people"
    )


def test_session_animates_as_torch_does(made, subjects):
    """From the photo on: crop, landmarks and vector as the session gives them, for a batch and one by one."""
    path, pack = made
    trained = load_trained(path)
    generator = Generator(read_pack(pack.folder), "cpu")
    photo, face = subjects[0]
    source = generator.encode(photo, face)
    crop = source.crop
    planes = torch.from_numpy(cut(photo.pixels, crop)).permute(2, 0, 1)[None].float() / 127.5 - 1
    points = torch.from_numpy(crop.to_crop(face.landmarks)).float()[None]
    targets = np.repeat(source.vector[None], 3, 0)
    targets[1, INDEX["AU12"]] += 0.5
    targets[2, INDEX["pose_yaw"]] -= 0.3
    asked = torch.from_numpy(generator._for_graphs(np.concatenate([source.vector[None], targets]), crop))
    encode, animate = trained.module.Encode(trained.networks, trained.size), trained.module.Animate(trained.networks)
    with torch.no_grad():
        state = encode(planes, points, asked[:1])
        expected = animate(*state, asked[1:])
    frames = generator.animate(source, targets)
    for ours, theirs in zip((frames.image, frames.alpha, frames.synthetic), expected, strict=True):
        off = np.abs(ours.astype(int) - theirs.numpy().astype(int))
        assert ours.shape == tuple(theirs.shape) and off.max() <= 4 and off.mean() < 0.5
    assert (frames.image[1] != frames.image[0]).any()


def test_attributes_that_move_nothing_are_named(made, subjects):
    """The paper's GANimation knows no head pose."""
    _, pack = made
    assert pack.metrics["moves nothing"] == "pose_pitch, pose_yaw, pose_roll"
    generator = Generator(pack, "cpu")
    assert unmoved(generator, generator.encode(*subjects[1])) == ["pose_pitch", "pose_yaw", "pose_roll"]


def test_at_rest_is_measured(made, tmp_path):
    """An untrained generator cannot give the photo back; one whose gate shuts gives it back bit for bit."""
    _, pack = made
    assert pack.at_rest == "generated" and "dB" in pack.metrics["at rest"]
    preset = find("ganimation", "smoke")
    network = {**asdict(preset.network), "gate": True}
    path = save_checkpoint(tmp_path / "run", network=network)
    gated = export_pack(path, tmp_path / "gated", About("gated", "Gated"))
    assert gated.at_rest == "photo" and gated.metrics["at rest"] == "the photo, bit for bit"


# Weights


def test_weights_come_back(made):
    """To float16's precision, for training to go on from; the critic is in no pack."""
    path, pack = made
    preset = find("ganimation", "smoke")
    torch.manual_seed(9)
    networks = preset.objective(preset.network, preset.weights, preset.training.size, 7).networks
    critic = {name: value.clone() for name, value in networks.state_dict().items() if name.startswith("critic.")}
    start_from(pack.folder, networks)
    state, kept = networks.state_dict(), checkpoints.load(path).group(checkpoints.NETWORKS)
    assert critic and all(torch.equal(state[name], value) for name, value in critic.items())
    held = {name: state[name] for name in weights_of_pack(pack.folder, networks)}
    assert set(held) == set(state) - set(critic)
    for name, tensor in held.items():
        torch.testing.assert_close(tensor, kept[name], atol=1e-4, rtol=1e-3)
        if tensor.dim() == 1:
            assert torch.equal(tensor, kept[name]), "biases and norms keep all bits"


def test_weights_of_another_architecture_name_both_sides(made, tmp_path):
    _, pack = made
    preset = find("ganimation", "smoke")

    def networks(**changes):
        network = replace(preset.network, **changes)
        return preset.objective(network, preset.weights, preset.training.size, 7).networks

    with pytest.raises(CheckpointError, match=r"generator\.\S+ is \(8,.* there and \(16,.*preset smoke"):
        weights_of_pack(pack.folder, networks(width=16))
    with pytest.raises(CheckpointError, match=r"generator\.\S+ is absent there"):
        weights_of_pack(pack.folder, networks(flow=True))
    with pytest.raises(CheckpointError, match=r"generator\.\S+ is \S+.* there and absent in"):
        weights_of_pack(pack.folder, networks(blocks=0))
    with pytest.raises(CheckpointError, match="holds no weights to train on from"):
        weights_of_pack(Path(__file__).parents[2] / "addon" / "packs" / "zygoma-base", networks())
    with pytest.raises(PackError, match="missing"):
        weights_of_pack(tmp_path, networks())


class Twins(nn.Module):
    """Two layers with equal weights, a batch norm, and one that nothing needs."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.unused = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.second.load_state_dict(self.first.state_dict())
        self.norm.running_mean += 0.3
        nn.init.uniform_(self.norm.weight)

    def forward(self, x):
        return self.norm(self.second(self.first(x)))


def test_equal_weights_and_batch_norms_survive_the_graph(tmp_path):
    """The exporter stores equal tensors once, and would melt a batch norm into the layer before it."""
    torch.manual_seed(0)
    module = Twins().eval()
    state = module.state_dict(keep_vars=True)
    names = {id(tensor): f"net.{name}" for name, tensor in state.items()}
    x = torch.randn(2, 3, 8, 8)
    model = export_graph(module, {"x": x}, ["y"], {"x": {0: "B"}, "y": {0: "B"}}, names)
    write_graph(model, tmp_path / "twins.onnx", {"more": "said"})
    held = weights(model)
    kept = {"first.weight", "first.bias", "second.weight", "second.bias"}
    kept |= {f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")}
    assert set(held) == {f"net.{name}" for name in kept}
    for name in kept:
        torch.testing.assert_close(held[f"net.{name}"], state[name].detach(), atol=1e-4, rtol=1e-3)
    session = onnxruntime.InferenceSession(str(tmp_path / "twins.onnx"), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["more"] == "said"
    for batch in (x, x[:1]):
        with torch.no_grad():
            expected = module(batch).numpy()
        np.testing.assert_allclose(session.run(None, {"x": batch.numpy()})[0], expected, atol=5e-3)


@pytest.mark.parametrize("system", [name for name, presets in PRESETS.items() if "smoke" in presets])
def test_every_system_is_exported_and_comes_back(system, tmp_path, subjects):
    trained = load_trained(save_checkpoint(tmp_path / "run", system))
    graphs = graphs_of(trained)
    given = example(trained, *subjects[0])
    used = write_graphs(trained, graphs, tmp_path, given)
    said = parity(graphs, tmp_path, [given])
    assert said.startswith("largest ")
    kept = trained.checkpoint.group(checkpoints.NETWORKS)
    assert used and used < set(kept), "critics are left out"
    assert system in TITLES and PAPERS[system].title


# What is refused


def test_checkpoints_that_make_no_pack(tmp_path):
    about = About("x", "X")

    def refused(words, **facts):
        path = save_checkpoint(tmp_path / "run", **facts)
        with pytest.raises(CheckpointError, match=words):
            export_pack(path, tmp_path / "pack", about)
        assert sorted(os.listdir(tmp_path)) == ["run"]

    refused(
        "its system is stargan; this Zygoma has ganimation", system="ganimation", **{"facts": {}}
    ) if False else None
    network = asdict(find("ganimation", "smoke").network)
    refused("GANimationConfig has colour_blind, which this version's has not", network={**network, "colour_blind": 1})
    refused(r"generator\.\S+ is \(16,.* there and \(32,", network={**network, "width": 16})
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        export_pack(tmp_path / "none.safetensors", tmp_path / "pack", about)


def test_checkpoint_from_before_a_switch(tmp_path):
    """What a configuration learnt to say since then has its default: nothing changes."""
    network = asdict(find("ganimation", "smoke").network)
    assert network.pop("mask_limit") == 0
    trained = load_trained(save_checkpoint(tmp_path / "run", network=network))
    assert trained.networks["generator"].config == find("ganimation", "smoke").network and not trained.unfit


def test_system_that_is_unknown(tmp_path):
    path = save_checkpoint(tmp_path / "run")
    kept = checkpoints.load(path)
    networks = nn.ModuleDict({"generator": nn.Linear(2, 2)})
    checkpoints.save(path, {**kept.facts, "system": "stargan"}, networks, {}, {})
    with pytest.raises(CheckpointError, match=r"its system is stargan; this Zygoma has .*ganimation"):
        load_trained(path)


def test_weights_that_are_no_numbers(tmp_path):
    path = save_checkpoint(tmp_path / "run")
    trained = load_trained(path)
    with torch.no_grad():
        trained.networks["generator"].stem[0].weight[0, 0, 0, 0] = float("nan")
    facts = {k: v for k, v in trained.checkpoint.facts.items() if k != "version"}
    checkpoints.save(path, facts, trained.networks, {}, {})
    with pytest.raises(CheckpointError, match=r"generator\.stem\.0\.weight holds what is no number"):
        export_pack(path, tmp_path / "pack", About("pack", "Pack"))
    assert os.listdir(tmp_path) == ["run"]


def test_what_is_there_already_stays_or_is_replaced_whole(made, tmp_path):
    path, pack = made
    before = {name: (pack.folder / name).read_bytes() for name in os.listdir(pack.folder)}
    with pytest.raises(OutputError, match="there already: choose another folder, or --overwrite"):
        export_pack(path, pack.folder, About("learnt", "Again"))
    broken = save_checkpoint(tmp_path / "run", network={**asdict(find("ganimation", "smoke").network), "width": 16})
    with pytest.raises(CheckpointError):
        export_pack(broken, pack.folder, About("learnt", "Again"), overwrite=True)
    assert {name: (pack.folder / name).read_bytes() for name in os.listdir(pack.folder)} == before
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="is no pack: choose another folder"):
        export_pack(path, tmp_path / "mine", About("mine", "Mine"), overwrite=True)
    with pytest.raises(ExportError, match="'My Pack' is no id of a pack"):
        export_pack(path, tmp_path / "other", About("My Pack", "Mine"))


def test_variant_without_the_photos_pixels(tmp_path, subjects):
    network = {**asdict(find("ganimation", "smoke").network), "flow": True}
    trained = load_trained(save_checkpoint(tmp_path / "run", network=network))
    pictures = []
    for drawn in (False, True):
        tensors = example(trained, *subjects[0])
        for graph in graphs_of(trained, drawn):
            with torch.no_grad():
                made = graph.module(*(tensors[name] for name in graph.inputs))
            tensors |= dict(zip(graph.outputs, made, strict=True))
        pictures.append(tensors["image"])
    assert (pictures[0] != pictures[1]).any()


def test_command(made, tmp_path, capsys):
    path, pack = made
    figures = tmp_path / "figures.json"
    figures.write_text('{"identity distance": 0.21}')
    assert main([str(path), str(tmp_path / "mine"), "--title", "Mine", "--figures", str(figures)]) == 0
    said = capsys.readouterr().out
    assert "identity distance: 0.21" in said and "Mine (mine)" in said and "at rest: generated" in said
    again = read_pack(tmp_path / "mine")
    assert again.digest == pack.digest, "the same weights make the same graphs"
    figures.write_text('{"identity distance": [1]}')
    assert main([str(path), str(tmp_path / "two"), "--figures", str(figures)]) == 1
    figures.write_text("{")
    assert main([str(path), str(tmp_path / "two"), "--figures", str(figures)]) == 1
    assert main([str(tmp_path / "none"), str(tmp_path / "two")]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 3 and not (tmp_path / "two").exists()


# A run's own log


def test_events_up_to_a_step(tmp_path):
    assert read_events(tmp_path, 5).minutes is None
    for first in (0, 4):  # two processes, the second from step 4 on
        with SummaryWriter(str(tmp_path), purge_step=first, filename_suffix=f".{first}") as log:
            for step in range(first, first + 6):
                log.add_scalar("a", step + first, step, walltime=1000 * first + 30 * step)
    events = read_events(tmp_path, 7)
    assert events.values == {"a": 11}
    assert read_events(tmp_path, 3).values == {"a": 3}


def test_portraits_are_there():
    assert len(PORTRAITS) >= 2
    assert FaceReader().face(read_photo(PORTRAITS[0])).warning is None
