"""The judges' own trial, before they judge: on people they never saw, on ramps, under jitter, and with wrong labels."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from tqdm import tqdm

from addon.core.attributes import AT_POSE, AT_UNITS, COMMON, INDEX, NAMES, UNITS
from addon.core.faces import FaceReader
from addon.core.faces.changes import close_region
from addon.core.faces.landmarks import region_of
from addon.core.faces.picture import Picture

from . import augment, metrics
from .crops import Seen, look
from .estimator import ALONE, CHANGE, Estimator, attributes, changed, find
from .ramps import Ramps
from .train_estimator import in_crop, landmark_error
from .views import Views

EDGES = np.array([0.0, 0.125, 0.375, 0.625, 0.875, 1.01])
BACK = 0.03  # a reading may fall so far from one level to the next and still count as rising
RISE = 0.15  # what a ramp must gain in all
JITTERS = 6  # of each view: 3 % shift, 5 % scale, JPEG 70
QUALITY = 70
LOOKED_AT = 16

Found = Mapping[str, np.ndarray]  # of all views, see estimator.find


def see(views: Views, reader: FaceReader) -> Seen:
    """All views, looked at as a movie's frames are."""
    parts = []
    for start in tqdm(range(0, len(views), LOOKED_AT), desc="looking", unit="batch"):
        chosen = range(start, min(start + LOOKED_AT, len(views)))
        pictures = [Picture(views.picture(i)) for i in chosen]
        parts.append(look(reader, pictures, [region_of(views.landmarks[i]) for i in chosen]))
    return Seen.joined(parts)


def agreement(found: Found, true: np.ndarray) -> dict[str, np.ndarray]:
    """`figures` [25] of what is read of each face alone against the true vectors [N,25], in the order of NAMES; `bins`
    [25,5]: the mean reading where the truth lies about 0, .25, .5, .75 and 1."""
    read = attributes(found[ALONE], found["turn"])
    out = figures(read, true)
    out["bins"] = np.array([metrics.binned(read[:, i], true[:, i], EDGES)[0] for i in range(len(NAMES))])
    return out


def landmarks(found: Found, seen: Seen, views: Views) -> dict[str, float]:
    """Median distance from the true landmarks, in eye distances: of the estimator's, and of MediaPipe's, which placed
    its crops."""
    regions = [close_region(points) for points in seen.landmarks]
    true, others = (
        np.stack([in_crop(points, region) for points, region in zip(rows, regions, strict=True)])
        for rows in (views.landmarks, seen.landmarks)
    )
    return {"estimator": landmark_error(found["points"], true), "MediaPipe": landmark_error(others, true)}


def figures(read: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """MAE, Pearson, ICC(3,1), CCC and slope [A] of readings [N,A] against the truth."""
    return {
        "mae": metrics.mae(read, true),
        "r": metrics.pearson(read, true),
        "icc": metrics.icc(read, true),
        "ccc": metrics.ccc(read, true),
        "slope": metrics.slope(read, true),
    }


def changes(found: Found, views: Views) -> dict[str, np.ndarray]:
    """`figures` [U] of changes of units, read of all views beside the same person's reference view."""
    photos, rows, of = views.beside_photos()
    first = photos[of]
    raw, units = found[CHANGE], views.attributes[:, AT_UNITS]
    read, true = changed(raw[first], raw[rows], units[first]) - units[first], units[rows] - units[first]
    return figures(read, true)


def ramp_readings(net: Estimator, ramps: Ramps, reader: FaceReader) -> np.ndarray:
    """float32 [P,U,5]: what is read of the unit that is ramped, beside the ramp's first picture."""
    out = np.zeros(ramps.landmarks.shape[:3], np.float32)
    for p, person in enumerate(tqdm(ramps.pictures, desc="ramps", unit="person")):
        for u, pictures in enumerate(person):
            regions = [region_of(points) for points in ramps.landmarks[p, u]]
            seen = look(reader, [Picture(picture) for picture in pictures], regions)
            raw = find(net, seen.crops, seen.angle)[CHANGE]
            out[p, u] = changed(raw[:1], raw, np.zeros(len(UNITS), np.float32))[:, u]
    return out


def monotone(read: np.ndarray) -> np.ndarray:
    """float64 [U]: share of the people whose readings [P,U,L] never fall by more than BACK and rise by RISE in all."""
    steps = np.diff(read, axis=-1)
    return ((steps > -BACK).all(-1) & (read[..., -1] - read[..., 0] > RISE)).mean(0)


def jitter(net: Estimator, views: Views, reader: FaceReader, seed: int = 0) -> np.ndarray:
    """float64 [25]: the standard deviation of what is read of one view under other crops and JPEG 70, mean of views."""
    rng = np.random.default_rng(seed)
    spread = []
    for i in tqdm(range(len(views)), desc="jitter", unit="view"):
        pictures, regions = [], []
        for _ in range(JITTERS):
            picture, points = jittered(rng, views.picture(i), views.landmarks[i])
            pictures.append(Picture(picture))
            regions.append(region_of(points))
        seen = look(reader, pictures, regions)
        found = find(net, seen.crops, seen.angle)
        spread.append(attributes(found[ALONE], found["turn"]).std(0))
    return np.mean(spread, axis=0)


def jittered(rng: np.random.Generator, picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 [S,S,3], landmarks [478,3]) of the same face in a crop that lies elsewhere, kept as JPEG."""
    size = len(picture)
    scale = np.exp(rng.uniform(-augment.SCALE, augment.SCALE))
    shift = rng.uniform(-augment.SHIFT, augment.SHIFT, 2) * size + (1 - scale) * (size - 1) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    moved = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return augment.jpeg(moved, QUALITY), np.concatenate([points[:, :2] * scale + shift, points[:, 2:] * scale], 1)


def lines(
    found: dict[str, np.ndarray],
    beside: dict[str, np.ndarray],
    ramps: np.ndarray | None,
    shaken: np.ndarray,
    shuffled: dict[str, np.ndarray] | None,
) -> list[str]:
    """The tables for a person to read: one row a unit (alone, then `beside` a photo of the person), then means, then
    the head's angles. shuffled: `beside` of an estimator that learnt from shuffled labels."""
    rising = None if ramps is None else monotone(ramps)
    head = (
        "unit     MAE     r   ICC   CCC slope | read at 0  .25   .5  .75    1 | beside: r   ICC slope | "
        "rising  jitter  shuffled r"
    )
    out = [head, "-" * len(head)]
    for i, unit in enumerate(UNITS):
        at = INDEX[unit]
        bins = " ".join(_cell(v, 4) for v in found["bins"][at])
        wrong = np.nan if shuffled is None else shuffled["r"][i]
        pair = " ".join(_cell(beside[name][i], 5) for name in ("r", "icc", "slope"))
        rise = np.nan if rising is None else 100 * rising[i]
        end = f"{_cell(rise, 5, 0)}%  {shaken[at]:6.3f}  {_cell(wrong, 8)}"
        out.append(f"{unit}  {_figures(found, at)} |      {bins} |     {pair} | {end}")
    for title, units in (("mean 17", COMMON[3:]), ("mean 20", UNITS)):
        at, of = [INDEX[unit] for unit in units], [UNITS.index(unit) for unit in units]
        rise = np.nan if rising is None else 100 * rising[of].mean()
        wrong = np.nan if shuffled is None else np.nanmean(shuffled["r"][of])
        pair = " ".join(_cell(float(np.nanmean(beside[name][of])), 5) for name in ("r", "icc", "slope"))
        alone = " ".join(_cell(float(np.nanmean(found[name][at])), 5) for name in ("mae", "r", "icc", "ccc", "slope"))
        end = f"{_cell(rise, 5, 0)}%  {shaken[at].mean():6.3f}  {_cell(wrong, 8)}"
        out.append(f"{title} {alone} |{' ' * 30} |     {pair} | {end}")
    for i, name in enumerate(NAMES):
        if name in NAMES[AT_POSE] or name not in UNITS:
            degrees = np.degrees(found["mae"][i])
            out.append(
                f"{name:11} off {degrees:5.2f} degrees, r {found['r'][i]:.3f}, slope {found['slope'][i]:.2f}, "
                f"jitter {np.degrees(shaken[i]):.2f} degrees"
            )
    return out


def _figures(found: dict[str, np.ndarray], at: int) -> str:
    return " ".join(_cell(found[name][at], 5) for name in ("mae", "r", "icc", "ccc", "slope"))


def _cell(value: float, width: int, digits: int = 2) -> str:
    return "-".rjust(width) if np.isnan(value) else f"{value:{width}.{digits}f}"
