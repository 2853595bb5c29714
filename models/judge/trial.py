"""One pack on people that it never saw: every frame beside the true view, both read by the judges.

A person's reference view is the photo, their other views say what it should become: vectors that the pack gets, and
pictures that its frames are compared with. Two systems frame the scale: `copy` leaves the photo as it is, `true` shows
the true views themselves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from addon.core.attributes import AT_POSE, AT_UNITS, COMMON, POSE
from addon.core.errors import FaceError, ZygomaError
from addon.core.faces import FaceReader, Photo
from addon.core.mesh.layout import BROWS, LOWER_BROWS, LOWER_LIDS, OUTER_LOWER_LIP, UPPER_LIDS
from addon.core.session import Generator
from models.people.plan import Kind

from . import metrics
from .cost import Cost, cost
from .estimator import changed
from .reading import Judges, Readings
from .views import Views

UNITS17 = tuple(name for name in COMMON if name not in POSE)  # OpenFace's and the papers', which stand first
PRESENT = 0.2  # of a unit, from which it counts as there: one point of five
HIGHEST = 60.0  # dB; a picture that equals the true one counts as this
POINTS = 5.0  # the papers' scale of intensities
UPPER_LIP = (185, 40, 39, 37, 0, 267, 269, 270, 409)
WINDOWS = {  # landmarks that a window holds, and how far it reaches beyond them, in its own sides
    "mouth": ((*OUTER_LOWER_LIP, *UPPER_LIP), 0.2),
    "eyes": (tuple(i for line in (*UPPER_LIDS, *LOWER_LIDS) for i in line), 0.15),
    "brows": (tuple(i for line in (*BROWS, *LOWER_BROWS) for i in line), 0.15),
}


@dataclass(frozen=True, eq=False)
class Test:
    """What all systems are tried on. views: of the people; photos int [P]: the reference view of each; targets int [T]:
    the views that are asked for; of int [T]: the number of the photo that each is made from; true, sources: readings
    of the targets and of the photos; pictures: the targets'."""

    views: Views
    photos: np.ndarray
    targets: np.ndarray
    of: np.ndarray
    true: Readings
    sources: Readings
    pictures: list[np.ndarray]


def prepare(views: Views, judges: Judges) -> Test:
    """Reads the true views. Raises ZygomaError where the judges find no face in a tenth of them."""
    photos, targets, of = views.beside_photos()
    pictures = [views.picture(int(i)) for i in tqdm(targets, desc="true views")]
    true = judges.read(pictures, views.landmarks[targets])
    sources = judges.read([views.picture(int(i)) for i in photos], views.landmarks[photos])
    if true.found.mean() < 0.9:
        raise ZygomaError(f"The judges find a face in only {100 * true.found.mean():.0f} % of the true views.")
    return Test(views, photos, targets, of, true, sources, pictures)


@dataclass(frozen=True, eq=False)
class Trial:
    """What one system made of a test. frames: its pictures, the photo where it refused; readings of them; refused bool
    [P]: photos that it did not take; told: PSNR of frames that were asked for the true change, whatever the photo was
    read to show; spent: its cost, None for `copy` and `true`."""

    name: str
    frames: list[np.ndarray]
    readings: Readings
    refused: np.ndarray
    told: dict[str, float]
    spent: Cost | None


def copied(test: Test) -> Trial:
    """The photo, whatever is asked."""
    photos = [test.views.picture(int(i)) for i in test.photos]
    take = test.of
    read = Readings(*(getattr(test.sources, name)[take] for name in Readings.__dataclass_fields__))
    frames = [photos[i] for i in take]
    return Trial("copy", frames, read, np.zeros(len(photos), bool), psnr_figures(frames, test), None)


def truth(test: Test) -> Trial:
    """The true views, as no system can do better."""
    told = psnr_figures(test.pictures, test)
    return Trial("true", test.pictures, test.true, np.zeros(len(test.photos), bool), told, None)


def try_pack(generator: Generator, test: Test, judges: Judges, reader: FaceReader) -> Trial:
    """A pack as the product runs it: it reads the photo itself and is asked for the true views' vectors, absolute; and
    once more for what it read and the true change on top."""
    views, name = test.views, generator.pack.id
    frames: list[np.ndarray] = [np.zeros(0)] * len(test.targets)
    told = list(frames)
    refused = np.zeros(len(test.photos), bool)
    spent = None
    for number, at in enumerate(tqdm(test.photos, desc=name, unit="person")):
        photo = as_photo(views.picture(int(at)), f"person {views.person[at]}")
        mine = np.flatnonzero(test.of == number)
        asked = views.attributes[test.targets[mine]]
        try:
            source = generator.encode(photo, reader.face(photo))
        except FaceError as problem:
            tqdm.write(f"{name}: {problem}")
            refused[number] = True
            for i in mine:
                frames[i] = told[i] = photo.pixels
            continue
        changes = views.attributes[test.targets[mine]] - views.attributes[at]
        for i, vector, change in zip(mine, asked, changes, strict=True):
            frames[i] = generator.frame(source, vector)
            told[i] = generator.frame(source, source.vector + change)
        spent = spent or cost(generator, source, asked)
    read = judges.read(frames, views.landmarks[test.targets])
    return Trial(name, frames, read, refused, psnr_figures(told, test), spent)


def as_photo(pixels: np.ndarray, name: str) -> Photo:
    return Photo(pixels, None, Path(name), hashlib.sha256(pixels.tobytes()).hexdigest(), ())


def window(points: np.ndarray, name: str, size: int) -> np.ndarray:
    """bool [size,size]: the part of a picture that holds a feature, of landmarks [478,2+]."""
    chosen, reach = WINDOWS[name]
    low, high = points[list(chosen), :2].min(0), points[list(chosen), :2].max(0)
    beyond = reach * (high - low).max()
    (left, top), (right, bottom) = np.floor(low - beyond).clip(0), np.ceil(high + beyond).clip(0)
    out = np.zeros((size, size), bool)
    out[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
    return out


def picture_figures(trial: Trial, test: Test) -> dict[str, float]:
    """Means over all frames: PSNR, SSIM, MS-SSIM against the true view, PSNR and relative sharpness of each window."""
    rows = []
    for frame, true, at in zip(trial.frames, test.pictures, test.targets, strict=True):
        row = {"SSIM": metrics.ssim(frame, true), "MS-SSIM": metrics.ms_ssim(frame, true)}
        for name in WINDOWS:
            part = window(test.views.landmarks[at], name, len(frame))
            row[f"sharpness {name}"] = metrics.sharpness(frame, part) / max(metrics.sharpness(true, part), 1e-3)
        rows.append(row)
    return psnr_figures(trial.frames, test) | {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def psnr_figures(frames: list[np.ndarray], test: Test) -> dict[str, float]:
    """Means over frames of the PSNR against the true view, in dB, at most HIGHEST: of the picture, of each window."""
    rows = []
    for frame, true, at in zip(frames, test.pictures, test.targets, strict=True):
        row = {"PSNR": metrics.psnr(frame, true)}
        for name in WINDOWS:
            part = window(test.views.landmarks[at], name, len(frame))
            row[f"PSNR {name}"] = metrics.psnr(frame, true, part)
        rows.append(row)
    return {name: float(np.mean([min(row[name], HIGHEST) for row in rows])) for name in rows[0]}


def reading_figures(trial: Trial, test: Test) -> dict[str, np.ndarray]:
    """By unit [17], between readings of the frames and of the true views (EGGAN, table 1: `mse` in points, `pearson` of
    what changed since the photo; ICface, table 2: `accuracy`, `f_score` of presence); with what was asked: `desired`,
    mean |reading - asked|, and `follows`, r of the change; and `pose` [3], degrees."""
    seen = trial.readings.found & test.true.found
    photos = test.sources.change[test.of][seen]
    shown = test.views.attributes[test.photos][test.of][seen][:, AT_UNITS]
    read = changed(photos, trial.readings.change[seen], shown)[:, : len(UNITS17)]
    true = changed(photos, test.true.change[seen], shown)[:, : len(UNITS17)]
    wanted = test.views.attributes[test.targets][seen]
    asked, before = wanted[:, AT_UNITS][:, : len(UNITS17)], shown[:, : len(UNITS17)]
    return {
        "mse": metrics.mse(POINTS * read, POINTS * true),
        "pearson": follows(read - before, true - before),
        "accuracy": metrics.balanced_accuracy(read > PRESENT, true > PRESENT),
        "f_score": metrics.f_score(read > PRESENT, true > PRESENT),
        "desired": metrics.mae(read, asked),
        "follows": follows(read - before, asked - before),
        "pose": metrics.pose_error(trial.readings.attributes[seen][:, AT_POSE], wanted[:, AT_POSE]).mean(0),
    }


def follows(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Pearson's r [17] of readings [N,17], 0 where they stand still while the truth moves."""
    return np.where((np.ptp(read, axis=0) == 0) & (np.ptp(true, axis=0) > 0), 0.0, metrics.pearson(read, true))


def expression_distance(trial: Trial, test: Test) -> float:
    """ED (GANimation, table 2): mean over frames of the l1 distance between what is read and what was asked, summed
    over 17 units of 0..1."""
    return float(reading_figures(trial, test)["desired"].sum())


def identity_figures(trial: Trial, test: Test, threshold: float) -> dict[str, float]:
    """ACD (GANimation); `verified`: share of frames taken for the photo's person at `threshold` (AIP-GAN's Face-Verf);
    `accuracy`: of telling such pairs from pairs with another person's photo (EGGAN, table 2); `frechet`: distance of
    the embeddings of all frames from those of the true views."""
    own, made = test.sources.identity[test.of], trial.readings.identity
    other = test.sources.identity[(test.of + 1) % len(test.photos)]
    accepted = (metrics.similarity(own, made) >= threshold) & trial.readings.found
    refused = metrics.similarity(other, made) < threshold
    return {
        "acd": metrics.content_distance(own, made),
        "verified": float(accepted.mean()),
        "accuracy": float((accepted.mean() + refused.mean()) / 2),
        "frechet": metrics.frechet_distance(made, test.true.identity),
    }


def transfer_similarity(trial: Trial, test: Test) -> float:
    """Exp-Sim (AIP-GAN, table 1): mean cosine of the estimator's embeddings of a frame and of another person's view of
    the same vector, over the views that all people show."""
    views = test.views
    shared = views.kind[test.targets] == Kind.SHARED
    cosines = []
    for view in np.unique(views.view[test.targets[shared]]):
        at = np.flatnonzero(shared & (views.view[test.targets] == view))
        drivers = np.roll(at, 1)
        cosines.append(metrics.similarity(trial.readings.expression[at], test.true.expression[drivers]))
    return float(np.concatenate(cosines).mean()) if cosines else float("nan")


def threshold_of(test: Test) -> float:
    """The cosine from which two true views are called one person: the best cut between each person's photo with their
    own views, and with another's."""
    own = metrics.similarity(test.sources.identity[test.of], test.true.identity)
    other = metrics.similarity(test.sources.identity[(test.of + 1) % len(test.photos)], test.true.identity)
    return metrics.best_threshold(own, other)
