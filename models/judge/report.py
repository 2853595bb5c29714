"""From trials of all systems to docs/results.md: the four papers' tables, with their own figures beside ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from addon.core.attributes import COMMON
from addon.core.frames import write_chunks
from addon.core.side_by_side import sheet
from models.people.plan import Kind

from . import papers, trial
from .trial import UNITS17, Test, Trial

SHOWN = 8  # rows of the sheet
SIDE = 192  # of its pictures
TITLES = {"copy": "photo left as it is", "true": "true view"}

Figures = Mapping[str, dict]  # of each system, by name


def figures(trials: Sequence[Trial], test: Test) -> dict[str, dict]:
    """All that is measured of each system, by name, as plain data."""
    threshold = trial.threshold_of(test)
    return {
        one.name: {
            "pictures": trial.picture_figures(one, test),
            "told": one.told,
            "units": {name: _plain(values) for name, values in trial.reading_figures(one, test).items()},
            "identity": trial.identity_figures(one, test, threshold),
            "ed": trial.expression_distance(one, test),
            "transfer": trial.transfer_similarity(one, test),
            "lost": float(1 - one.readings.found.mean()),
            "refused": float(one.refused.mean()),
            "cost": None if one.spent is None else vars(one.spent),
        }
        for one in tqdm(trials, desc="figures", unit="system")
    }


def _plain(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 5) for v in np.ravel(values)]


# The page


def markdown(found: Figures, about: str, picture: str) -> str:
    """The page. about: which people, how many; picture: the sheet's path, as seen from the page."""
    sections = (glance, told, sharpness, cost, eggan_1, eggan_2, icface_1, icface_2, aip_gan_1, ganimation, lost)
    head = HEAD.format(about=about, picture=picture)
    return "\n".join([head, *(f"## {title}\n\n{text}" for title, text in (section(found) for section in sections))])


HEAD = """# Five systems, one jury

Written by `python -m models.judge`; do not edit. {about}

Each person's reference view is the photo; their other views are what it should become. Every pack runs as in the
product: it reads the photo itself, gets a target vector, and pastes its crop back. Its frame is compared with the true
view of that person, light and background, and both are read by the judges, which learnt from other synthetic people.

**Data differ.** The papers' rows are their own figures, on their own people, read by OpenFace, LightCNN or VGG-Face.
Ours are on rendered people, read by our judges. A row of ours beside a row of theirs shows how the scales compare, not
who wins. Two rows frame each table: the photo left as it is, and the true view itself, as the judges read them.

**One head.** The default generator's head and the synthetic people share the shapes of their muscles' actions, which
flatters it here. Real photographs, and readers made by others, have to confirm what stands here.

![photo, true view, systems]({picture})
"""


def glance(found: Figures) -> tuple[str, str]:
    text = """\
PSNR (dB, at most 60), SSIM and MS-SSIM against the true view, over the whole picture; r between the units read of the
frames and those of the true views, and between them and what was asked, means of 17, both of what changed since the
photo; what the judges read of the head's angles (pitch, yaw, roll) against what was asked; the Fréchet distance of the
identity network's embeddings from those of the true views. That one is no FID: Inception's weights are not ours to use,
and its numbers compare with no published ones.

How good a witness the estimator is, the true view's own r with what was asked tells: it reads no more of any frame.
"""
    columns = ("PSNR", "SSIM", "MS-SSIM")
    rows = []
    for name, f in found.items():
        pictures = [_number(f["pictures"][c], 2 if c == "PSNR" else 3) for c in columns]
        pose = " / ".join(_number(v, 1) for v in f["units"]["pose"])
        follows = (_number(_mean(f["units"][key]), 2) for key in ("pearson", "follows"))
        rows.append([name, *pictures, *follows, pose])
        rows[-1].append(_number(f["identity"]["frechet"], 3))
    return "At a glance", text + table(
        ("system", *columns, "units r, true view", "units r, asked", "pose off, degrees", "Fréchet distance"), rows
    )


def told(found: Figures) -> tuple[str, str]:
    text = """\
PSNR where a pack is asked for the true change on top of what it read of the photo, in place of the absolute vector: of
the picture, and of the windows round each feature. What the face reader gets wrong about the photo, a head's angle
above all, moves every pixel in the table above; here it does not count, and the generator stands alone.
"""
    columns = list(next(iter(found.values()))["told"])
    rows = [[name, *(_number(f["told"][c], 2) for c in columns)] for name, f in found.items()]
    return "Told the change", text + table(("system", *columns), rows)


def sharpness(found: Figures) -> tuple[str, str]:
    text = """\
PSNR inside a window round each feature, and sharpness there (root mean square of the Laplacian) as a share of the
true view's: below 1 is blurred, above 1 sharper than the truth. A PSNR gained by blur shows here.
"""
    windows = [f"{what} {name}" for name in trial.WINDOWS for what in ("PSNR", "sharpness")]
    rows = [[name, *(_number(f["pictures"][c], 2) for c in windows)] for name, f in found.items()]
    return "Mouth, eyes, brows", text + table(("system", *windows), rows)


def cost(found: Figures) -> tuple[str, str]:
    text = """\
Of the graphs that run in the product: numbers stored in all of a pack's graphs, operations (a multiplication and an
addition count two) of a frame, and of the encoder once a photo, the median time of a frame. The default generator
learns nothing; its work on a photo is a fit, not a graph.
"""
    rows = [[name, *_cost(f["cost"])] for name, f in found.items() if f["cost"]]
    head = ("system", "parameters", "GFLOPs a frame", "GFLOPs a photo", "ms a frame", "device")
    return "Cost", text + table(head, rows)


def eggan_1(found: Figures) -> tuple[str, str]:
    text = """\
Intensities in points from 0 to 5, read by OpenFace in the paper. Here the attribute estimator reads what changed since
the photo, whose own units are known: MSE is of those and the change, PCC of the change alone.
"""
    for key, title, printed in (("mse", "MSE", papers.EGGAN_MSE), ("pearson", "PCC", papers.EGGAN_PCC)):
        ours = {name: (*f["units"][key], _mean(f["units"][key])) for name, f in found.items()}
        rows = [[name, *(_number(v, 2) for v in values)] for name, values in (ours | printed).items()]
        text += "\n" + table((title, *(u.removeprefix("AU") for u in UNITS17), "mean"), rows)
    return "EGGAN, table 1: units of frames against units of target pictures", text


def eggan_2(found: Figures) -> tuple[str, str]:
    text = """\
Frames and photos of one person, and of two, half of each, told apart by the identity network at the cut that is best
for true views.
"""
    ours = {name: 100 * f["identity"]["accuracy"] for name, f in found.items() if name != "copy"}
    rows = [[name, _number(value, 2)] for name, value in (ours | papers.EGGAN_ACCURACY).items()]
    return "EGGAN, table 2: verification", text + table(("pairs", "accuracy, %"), rows)


def icface_1(found: Figures) -> tuple[str, str]:
    text = """\
CNNIQA and DeepIQA, which that table uses, are trained weights of others that cannot be had freely. MS-SSIM and
sharpness above stand in their place.
"""
    return "ICface, table 1: image quality", text


def icface_2(found: Figures) -> tuple[str, str]:
    text = """\
A unit counts as there from one point of five. Mean over units of balanced accuracy and F-score, frames against the
pictures that show the wanted expression.
"""
    ours = {n: (100 * _mean(f["units"]["accuracy"]), _mean(f["units"]["f_score"])) for n, f in found.items()}
    rows = [[name, _number(a, 2), _number(f, 4)] for name, (a, f) in (ours | papers.ICFACE_PRESENCE).items()]
    return "ICface, table 2: units there or not", text + table(("system", "accuracy, %", "F-score"), rows)


def aip_gan_1(found: Figures) -> tuple[str, str]:
    text = """\
Face-Verf: share of the frames taken for the photo's person, at the same cut. Exp-Sim: cosine of features of
expression between a frame and another person's picture of the same vector; the estimator's embedding in place of VGG-
Face's. The paper's columns are those of the same distribution.
"""
    ours = {name: (f["identity"]["verified"], f["transfer"]) for name, f in found.items()}
    printed = {name: values[:2] for name, values in papers.AIP_GAN_TRANSFER.items()}
    rows = [[name, *(_number(v, 3) for v in values)] for name, values in (ours | printed).items()]
    return "AIP-GAN, table 1: transfer from another person", text + table(("system", "Face-Verf", "Exp-Sim"), rows)


def ganimation(found: Figures) -> tuple[str, str]:
    text = """\
ACD: distance of the identity embeddings of photo and frame. ED: l1 distance between what is read and what was asked,
summed over 17 units of 0 to 1; the paper does not say over what it sums. The paper's Inception Score needs
Inception's weights, its user preference needs people.
"""
    ours = {name: (f["identity"]["acd"], f["ed"]) for name, f in found.items()}
    rows = [[name, *(_number(v, 2) for v in values)] for name, values in (ours | papers.GANIMATION_DISTANCES).items()]
    return "GANimation, tables 1 and 2: distances", text + table(("system", "ACD", "ED"), rows)


def lost(found: Figures) -> tuple[str, str]:
    rows = [[name, _number(100 * f["lost"], 1), _number(100 * f["refused"], 1)] for name, f in found.items()]
    return "What was lost", table(("system", "frames without a face, %", "photos refused, %"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column holds names."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"]
    lines += [f"| {' | '.join([TITLES.get(row[0], row[0]), *row[1:]])} |" for row in rows]
    return "\n" + "\n".join(lines) + "\n"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.{digits}f}"


def _mean(values: Sequence[float | None]) -> float:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else float("nan")


def _cost(spent: dict) -> list[str]:
    count = spent["parameters"]
    size = f"{count / 1e6:.2f} M" if count >= 1e4 else str(count)
    numbers = (_number(spent["gflops"], 2), _number(spent["encode_gflops"], 2), _number(spent["ms"], 1))
    return [size, *numbers, spent["device"]]


# The sheet


def examples(trials: Sequence[Trial], test: Test) -> np.ndarray:
    """uint8 [H,W,3]: photo, true view and every system's frame of one target of each of the first people."""
    systems = [one for one in trials if one.name not in TITLES]
    captions = ["photo", "true view", *(one.name for one in systems)]
    kinds = (Kind.COMBINATION, Kind.SINGLE, Kind.BOTH, Kind.SHARED, Kind.POSE, Kind.NEUTRAL)
    rows = []
    for number in range(min(SHOWN, len(test.photos))):
        mine = np.flatnonzero(test.of == number)
        kind = kinds[number % len(kinds)]
        at = next((i for i in mine if test.views.kind[test.targets[i]] == kind), mine[-1])
        photo = test.views.picture(int(test.photos[number]))
        pictures = [photo, test.pictures[at], *(one.frames[at] for one in systems)]
        vector = test.views.attributes[test.targets[at]]
        rows.append(([kind.name.lower(), *_said(vector)], [_sized(p) for p in pictures]))
    return sheet(captions, rows)


def _said(vector: np.ndarray) -> list[str]:
    """The vector's largest values, in lines."""
    order = np.argsort(-np.abs(vector[: len(COMMON)]))[:6]
    return [f"{COMMON[i].removeprefix('pose_')} {vector[i]:.2f}" for i in order if abs(vector[i]) > 0.05]


def _sized(picture: np.ndarray) -> np.ndarray:
    how = cv2.INTER_AREA if len(picture) > SIDE else cv2.INTER_CUBIC
    return cv2.resize(picture, (SIDE, SIDE), interpolation=how)


def write(found: Figures, trials: Sequence[Trial], test: Test, about: str, out: Path, numbers: Path | None) -> None:
    """Writes the page to `out`, its sheet into a folder of its name beside it, and all figures as JSON to `numbers`.
    Each file appears whole. Raises OutputError."""
    picture = out.with_suffix("") / "systems.jpg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    _, content = cv2.imencode(".jpg", examples(trials, test)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    write_chunks(picture, [content.tobytes()])
    write_chunks(out, [markdown(found, about, f"{picture.parent.name}/{picture.name}").encode()])
    if numbers:
        write_chunks(numbers, [json.dumps(found, indent=1).encode() + b"\n"])
