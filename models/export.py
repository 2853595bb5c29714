"""From a run's checkpoint to a generator pack: graphs, checked against torch, and what pack.toml says of the run.

    python -m models.export CHECKPOINT PACK [--id ID] [--title TITLE] [--figures FILE.json] [--overwrite]

CHECKPOINT is a run's best.safetensors or last.safetensors; beside it the run's config.json and events say what it was
trained on. PACK is the pack's folder, which is written whole or not at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import inspect
import itertools
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON, INDEX, POSE
from addon.core.errors import OutputError, ZygomaError
from addon.core.faces import Face, FaceReader, Photo, cut, face_crop, read_photo
from addon.core.frames import output_error
from addon.core.pack import ANIMATOR, DRIVER, ENCODER, EXPRESS, ID, Pack, Paper, read_pack
from addon.core.render import VERSION
from addon.core.session import Generator, Source

from . import checkpoint as checkpoints
from .checkpoint import CheckpointError
from .events import read_events
from .graph import UNUSED, export_graph, weights, write_graph
from .people.plan import POSE_LIMIT, POSE_SPREAD
from .trained import LEFT_OUT, Trained, load_trained

PORTRAITS = sorted((Path(__file__).parents[1] / "docs" / "portraits").glob("*.jpg"))
SHIFT = 0.04  # of crops, in face heights: what people are rendered with
LARGEST = 8  # times the network's side, for which photos are cut out at most
SHIPPED = 6e6  # bytes of a pack that ships
MOST_OFF = 0.5  # grey levels of 255 that ONNX Runtime may differ from torch on average
RESTS = 45.0  # decibels: from here on a picture at rest passes for the photo
CONDITIONS = 3  # vectors a portrait of the parity check
TITLES = {"ganimation": "GANimation", "icface": "ICface", "eggan": "EGGAN", "aipgan": "AIP-GAN"}
PAPERS = {
    "ganimation": Paper(
        "GANimation: One-Shot Anatomically Consistent Facial Animation",
        "A. Pumarola, A. Agudo, A. M. Martinez, A. Sanfeliu, F. Moreno-Noguer",
        2019,
        "https://doi.org/10.1007/s11263-019-01210-3",
    ),
    "icface": Paper(
        "ICface: Interpretable and Controllable Face Reenactment Using GANs",
        "S. Tripathy, J. Kannala, E. Rahtu",
        2020,
        "https://arxiv.org/abs/1904.01909",
    ),
    "eggan": Paper(
        "Fine-Grained Expression Manipulation via Structured Latent Space",
        "J. Tang, Z. Shao, L. Ma",
        2020,
        "https://arxiv.org/abs/2004.09769",
    ),
    "aipgan": Paper(
        "An Efficient Integration of Disentangled Attended Expression and Identity Features for Facial Expression "
        "Transfer and Synthesis",
        "K. Ali, C. E. Hughes",
        2020,
        "https://arxiv.org/abs/2005.00499",
    ),
}


class ExportError(ZygomaError):
    """A checkpoint that makes no pack: its graph disagrees with torch, or a name does not fit."""


@dataclass(frozen=True)
class About:
    """What the user says of a pack."""

    id: str
    title: str
    version: str = VERSION
    licence: str = "GPL-3.0-or-later"
    machine: str = ""
    figures: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    drawn: bool = False  # without the photo's own pixels, moved


@dataclass(frozen=True)
class Graph:
    """One file of a pack: what is exported, what it takes and gives; which of that has a row for each vector, and which
    is of the crop's own side, with the first of the two axes that have it."""

    file: str
    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batched: tuple[str, ...]
    sized: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def free(self) -> dict[str, dict[int, str]]:
        """The axes of any length, by name."""
        axes: dict[str, dict[int, str]] = {name: {0: "B"} for name in self.batched}
        for name, first in self.sized.items():
            axes[name] = axes.get(name, {}) | {first: "H", first + 1: "H"}
        return axes


def export_pack(checkpoint: Path, folder: Path, about: About, overwrite: bool = False) -> Pack:
    """Writes a pack. Raises ZygomaError: CheckpointError, ExportError, OutputError."""
    if not ID.fullmatch(about.id):
        raise ExportError(f"{about.id!r} is no id of a pack: use lower-case letters, digits, - and _, or give --id.")
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} is there already: choose another folder, or --overwrite the pack in it.")
    if folder.exists() and not (folder / "pack.toml").is_file():
        raise OutputError(f"{folder} is there already and is no pack: choose another folder.")
    trained = load_trained(checkpoint)
    part, old = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    try:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir(parents=True)
        pack = _write(trained, part, about)
        if folder.exists():
            os.replace(folder, old)
        os.replace(part, folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as problem:
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise output_error(folder, problem) from problem
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return dataclasses.replace(pack, folder=folder)


def _write(trained: Trained, folder: Path, about: About) -> Pack:
    subjects = read_portraits()
    graphs = graphs_of(trained, about.drawn)
    examples = [example(trained, *subject, times) for subject, times in itertools.product(subjects, (1, 2))]
    used = write_graphs(trained, graphs, folder, examples[0])
    tensors = trained.networks.state_dict()
    figures = {**_figures(trained), "parameters": sum(tensors[name].numel() for name in used)}
    if about.drawn:
        figures["the photo's own pixels"] = "left out: what the network itself draws"
    figures["ONNX against torch, of 255"] = parity(graphs, folder, examples)
    write_pack_toml(folder, trained, about, figures, "generated")
    generator = Generator(read_pack(folder), "cpu")
    generator.load()
    sources = [generator.encode(*subject) for subject in subjects]
    at_rest, figures["at rest"] = rest(generator, sources)
    if still := unmoved(generator, sources[0]):
        figures["moves nothing"] = ", ".join(still)
    write_pack_toml(folder, trained, about, {**figures, **about.figures}, at_rest)
    return read_pack(folder)


# Graphs


def graphs_of(trained: Trained, drawn: bool = False) -> list[Graph]:
    """A system's graphs, each after those that make its inputs. drawn: without the photo's own pixels, moved."""
    module, networks = trained.module, trained.networks

    def part(kind: type) -> nn.Module:
        known = {"size": trained.size, "photo": not drawn}
        return kind(
            networks, **{name: known[name] for name in inspect.signature(kind).parameters if name in known}
        ).eval()

    made = ("image", "alpha", "synthetic")
    sides = {"full": 2, **dict.fromkeys(made, 1)}
    asked = module.ENCODER_INPUTS
    state = tuple(f"own_{name}" if name in asked else name for name in module.STATE)  # a graph has a name but once
    graphs = [Graph(ENCODER, part(module.Encode), asked, state, (), {"image": 2, "full": 2})]
    if trained.system != "aipgan":
        takes = (*state, "attributes")
        return [*graphs, Graph(ANIMATOR, part(module.Animate), takes, made, ("attributes", *made), sides)]
    told = module.EXPRESSION
    return [
        *graphs,
        Graph(DRIVER, part(module.Driver), ("image",), told, (), {"image": 2}),
        Graph(EXPRESS, part(module.Expressed), ("attributes",), told, ("attributes", *told)),
        Graph(ANIMATOR, part(module.Draw), (*state, *told), made, (*told, *made), sides),
    ]


def write_graphs(trained: Trained, graphs: Sequence[Graph], folder: Path, source: Mapping[str, Tensor]) -> set[str]:
    """Writes all; returns the names of the weights in them. Raises CheckpointError where one of these is unfit."""
    state = trained.networks.state_dict(keep_vars=True)
    names = {id(tensor): name for name, tensor in state.items()}
    tensors, models, used = dict(source), [], set()
    for graph in graphs:
        with torch.no_grad():
            made = _run(graph, tensors)
        given = {name: tensors[name] for name in graph.inputs}
        models.append(export_graph(graph.module, given, graph.outputs, graph.free, names))
        used |= set(weights(models[-1]))
        tensors |= made
    for name in sorted(used):
        if name in trained.unfit:
            raise CheckpointError(f"{trained.checkpoint.path}: {name} is {trained.unfit[name]}.")
        if not state[name].isfinite().all():
            raise CheckpointError(f"{trained.checkpoint.path}: {name} holds what is no number; take an earlier one.")
    heads = {name.split(".")[0] for name in used}
    left_out = [
        name for name in state if name.split(".")[0] in heads and name not in used and not name.endswith(UNUSED)
    ]
    about = {"attributes": ",".join(COMMON), LEFT_OUT: json.dumps(left_out)}
    for graph, model in zip(graphs, models, strict=True):
        write_graph(model, folder / graph.file, about)
    return used


def _run(graph: Graph, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    outputs = graph.module(*(tensors[name] for name in graph.inputs))
    return dict(zip(graph.outputs, outputs, strict=True))


def read_portraits() -> list[tuple[Photo, Face]]:
    """Those that the repository holds."""
    reader = FaceReader()
    photos = [read_photo(path) for path in PORTRAITS]
    return [(photo, reader.face(photo)) for photo in photos]


def example(trained: Trained, photo: Photo, face: Face, times: int = 1) -> dict[str, Tensor]:
    """What a session would give the graphs for a photo, its crop `times` the network's side, and a few vectors."""
    crop = face_crop(face.landmarks, times * trained.size, trained.side, SHIFT)
    image = torch.from_numpy(cut(photo.pixels, crop)).permute(2, 0, 1)[None].float() / 127.5 - 1
    rng = np.random.default_rng(0)
    vectors = rng.random((CONDITIONS, len(COMMON))) * (rng.random((CONDITIONS, len(COMMON))) < 0.3)
    vectors[:, AT_POSE] = rng.normal(0, 0.2, (CONDITIONS, len(POSE)))
    return {
        "image": image,  # [1,3,H,H]
        "landmarks": torch.from_numpy(crop.to_crop(face.landmarks)).float()[None],  # [1,478,3]
        "source_vector": torch.zeros(1, len(COMMON)),
        "attributes": torch.from_numpy(vectors).float(),  # [B,20]
    }


def parity(graphs: Sequence[Graph], folder: Path, examples: Sequence[Mapping[str, Tensor]]) -> str:
    """How far ONNX Runtime with stored weights and torch with the checkpoint's differ, from photo to picture. Raises
    ExportError where that is too much."""
    chains = [[graph for graph in graphs if graph.file != DRIVER]]
    if len(chains[0]) < len(graphs):
        chains.append([graph for graph in graphs if graph.file != EXPRESS])
    sessions = {
        graph.file: onnxruntime.InferenceSession(str(folder / graph.file), providers=["CPUExecutionProvider"])
        for graph in graphs
    }
    largest, means = 0, []
    for given, chain in itertools.product(examples, chains):
        ours, theirs = dict(given), {name: tensor.numpy() for name, tensor in given.items()}
        for graph in chain:
            with torch.no_grad():
                ours |= _run(graph, ours)
            session = sessions[graph.file]
            asked = {taken.name: theirs[taken.name] for taken in session.get_inputs()}  # what is not needed is gone
            theirs |= dict(zip(graph.outputs, session.run(list(graph.outputs), asked), strict=True))
        for name in chain[-1].outputs:
            off = np.abs(ours[name].numpy().astype(int) - theirs[name].astype(int))
            largest, means = max(largest, int(off.max())), [*means, float(off.mean())]
    if not max(means) <= MOST_OFF:
        raise ExportError(
            f"ONNX Runtime's pictures differ from torch's by {max(means):.2f} grey levels on average, at most "
            f"{MOST_OFF:g} are allowed: a layer of this network does not survive the export."
        )
    return f"largest {largest}, mean {max(means):.2g}"


# What the pack does


def rest(generator: Generator, sources: Sequence[Source]) -> tuple[str, str]:
    """Of photos under their own vectors: what pack.toml's `at_rest` is, and how near they come to the photo."""
    worst = np.inf
    for source in sources:
        frames = generator.animate(source, source.vector[None])
        share = frames.alpha[0, :, :, None] / 255.0
        photo = cut(source.photo.pixels, source.crop).astype(float)
        error = np.mean((share * (frames.image[0] - photo)) ** 2)
        worst = min(worst, 10 * np.log10(255**2 / error) if error else np.inf)
    said = "the photo, bit for bit" if worst == np.inf else f"{worst:.1f} dB PSNR to the photo"
    return ("photo" if worst >= RESTS else "generated"), said


def unmoved(generator: Generator, source: Source) -> list[str]:
    """Attributes that change not one pixel."""
    targets = np.repeat(source.vector[None], len(COMMON) + 1, 0)
    for row, name in enumerate(COMMON):
        targets[row, INDEX[name]] += 0.3 if name in POSE else (0.5 if targets[row, INDEX[name]] < 0.5 else -0.5)
    frames = generator.animate(source, targets)
    return [name for row, name in enumerate(COMMON) if (frames.image[row] == frames.image[-1]).all()]


# pack.toml


def _figures(trained: Trained) -> dict[str, float | str]:
    """What the run's own log says of held-out people at the checkpoint's step."""
    events = read_events(trained.checkpoint.path.parent, trained.checkpoint.facts["step"])
    gains = {t.removeprefix("gain/"): v for t, v in events.values.items() if t.startswith("gain/")}
    units = {name: value for name, value in sorted(gains.items()) if name in COMMON}
    figures: dict[str, float | str] = {}
    if "held_out/error" in events.values:
        figures["error, held-out people, of copying's"] = round(events.values["held_out/error"], 4)
    if units:
        figures["gain, one unit"] = round(median(units.values()), 4)
        figures["gain, each unit"] = ", ".join(f"{name} {value:.2f}" for name, value in units.items())
    for name, title in (("combination", "gain, combinations"), ("pose", "gain, head pose")):
        if name in gains:
            figures[title] = round(gains[name], 4)
    return figures


def write_pack_toml(
    folder: Path, trained: Trained, about: About, figures: Mapping[str, float | str], at_rest: str
) -> None:
    """pack.toml with the hashes of the files as they are."""
    facts, paper = trained.checkpoint.facts, PAPERS[trained.system]
    spent = trained.spent
    training: dict[str, Any] = {"data": f"synthetic people, preset {facts['preset']}", "samples": spent.samples}
    if "people" in trained.config:
        training["people"] = trained.config["people"]
    if spent.minutes is not None:
        training["minutes"] = round(spent.minutes, 1)
    if machine := about.machine or trained.config.get("machine", ""):
        training["machine"] = machine
    top = {
        "format": 1,
        "id": about.id,
        "title": about.title,
        "version": about.version,
        "system": trained.system,
        "licence": about.licence,
        "at_rest": at_rest,
    }
    tables = {
        "crop": {"side": trained.side, "shift": SHIFT, "sizes": sizes(trained, about.drawn)},
        "attributes": {name: covered(name) for name in COMMON},
        "paper": dataclasses.asdict(paper),
        "training": training,
        "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.glob("*.onnx"))},
        "metrics": dict(figures),
    }
    lines = [f"{name} = {_toml(value)}" for name, value in top.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in table.items())]
    (folder / "pack.toml").write_text("\n".join(lines) + "\n", "utf-8")


def sizes(trained: Trained, drawn: bool) -> list[int]:
    """Smallest and largest side of a crop: one that is drawn anew is no finer for being larger. GANimation's eq. 1
    keeps the photo's own pixels in any case."""
    fine = trained.system == "ganimation" or (trained.networks.config.photo and not drawn)
    return [trained.size, (LARGEST if fine else 1) * trained.size]


def covered(name: str) -> list[float]:
    """The range of an attribute that nearly all people of a training showed: two standard deviations of an angle."""
    if name not in POSE:
        return [0.0, 1.0]
    limit = round(min(2 * POSE_SPREAD[name], POSE_LIMIT[name]), 2)
    return [-limit, limit]


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# The command


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.export", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="best.safetensors of a run")
    parser.add_argument("pack", type=Path, metavar="PACK", help="the pack's folder")
    parser.add_argument("--id", help="(default: the folder's name)")
    parser.add_argument("--title", help="(default: the system's name)")
    parser.add_argument("--version", default=VERSION, help="(default: %(default)s)")
    parser.add_argument("--licence", default=About.licence, help="(default: %(default)s)")
    parser.add_argument("--machine", default="", help="what it was trained on, such as '2 CPU cores'")
    parser.add_argument("--figures", type=Path, metavar="FILE.json", help="more figures: {what they measure: value}")
    parser.add_argument("--drawn", action="store_true", help="leave the photo's own pixels out: what the network draws")
    parser.add_argument("--overwrite", action="store_true", help="replace the pack that is there")
    return parser


def read_figures(path: Path | None) -> dict[str, float | str]:
    """Raises ExportError."""
    if path is None:
        return {}
    try:
        said = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as problem:
        raise ExportError(f"{path}: the figures cannot be read ({problem}).") from problem
    if not isinstance(said, dict) or not all(isinstance(value, int | float | str) for value in said.values()):
        raise ExportError(f"{path}: figures are an object: what they measure, and numbers or texts.")
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        system = checkpoints.load(args.checkpoint).facts["system"]
        about = About(
            id=args.id or args.pack.resolve().name,
            title=args.title or TITLES.get(system, "Learnt"),
            version=args.version,
            licence=args.licence,
            machine=args.machine,
            figures=read_figures(args.figures),
            drawn=args.drawn,
        )
        pack = export_pack(args.checkpoint, args.pack, about, args.overwrite)
    except ZygomaError as error:
        print(error, file=sys.stderr)
        return 1
    size = sum((pack.folder / name).stat().st_size for name in pack.files)
    for name, value in pack.metrics.items():
        print(f"{name}: {value}")
    print(f"{pack.folder}: {pack.title} ({pack.id}), {size / 1e6:.2f} MB, at rest: {pack.at_rest}.")
    if size > SHIPPED:
        print(f"More than the {SHIPPED / 1e6:g} MB of a pack that ships: take a smaller preset for that.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
