"""From readings over time to Action Units on the sliders' scale: 0 at the person's own rest, 1 at the fullest.

A reading is a blendshape's score or a distance. Each has a unit that it is read for, and SHOWN says what a full one
adds to it; other units may add to it, too: lips that part lower the chin and look like an open jaw, a jaw that drops
parts the lips. So the units of a frame are solved for together. In the order of the table each is then clamped, and
those behind it explain what is left. A jaw drops no further than the lips part: no slider holds them shut over it.

CHANGED are read off pixels instead, as what differs from the person's own median.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from ..attributes import UNITS
from ..faces.expression import BLENDSHAPES, both, unit_readings

SHORTEST_WITH_REST = 2.0  # seconds; in less, the lowest values are as likely an expression as the face at rest
FEWEST_WITH_REST = 40  # rows
LOOK_DOWN = 0.2  # of eyeLookDown that eyeBlink shows while the eyes look down
BLINK_TIME = 0.5  # seconds; a blink is over by then, a look down is not
CHEEKS_FROM = 0.2  # of AU12: a smile beyond it lifts the cheeks


@dataclass(frozen=True)
class Shown:
    """What one reading shows.

    units: what each full unit adds to it, first the one that it is read for. rest: lowest, usual and highest value of
    people at rest. quantile: of the person's own values over the recording, where their rest lies, between those
    limits: low for what mostly acts (lips), in the middle for what mostly rests or goes both ways (lids, brows).
    """

    units: Mapping[str, float]
    rest: tuple[float, float, float]
    quantile: float = 0.05


SHOWN: dict[str, Shown] = {
    "browInnerUp": Shown({"AU01": 0.45}, (0.0, 0.05, 0.35), 0.25),
    "browOuterUp": Shown({"AU02": 0.4, "AU01": 0.15}, (0.0, 0.08, 0.45), 0.25),
    "browDown": Shown({"AU04": 0.3}, (0.0, 0.2, 0.45), 0.5),
    "eyeWide": Shown({"AU05": 0.04}, (0.0, 0.02, 0.05), 0.25),
    "eyeSquint": Shown({"AU07": 0.4}, (0.0, 0.4, 0.6), 0.25),
    "eyeBlink": Shown({"AU45": 0.45}, (0.0, 0.15, 0.35), 0.5),
    "mouthSmile": Shown({"AU12": 0.7}, (0.0, 0.0, 0.15)),
    "jaw": Shown({"AU26": 0.27, "AU25": 0.15}, (0.0, 0.03, 9.0)),
    "lipGap": Shown({"AU25": 0.34, "AU26": 0.2, "AU16": 0.08}, (0.02, 0.02, 0.04)),
    "mouthUpperUp": Shown({"AU10": 0.2, "AU25": 0.35}, (0.0, 0.03, 0.1)),
    "mouthLowerDown": Shown({"AU16": 0.4, "AU25": 0.3}, (0.0, 0.02, 0.1)),
    "mouthFrown": Shown({"AU15": 0.2}, (0.0, 0.02, 0.1), 0.25),
    "mouthShrugLower": Shown({"AU17": 0.3}, (0.0, 0.2, 0.3), 0.25),
    "mouthPucker": Shown({"AU18": 0.6}, (0.0, 0.1, 0.4), 0.5),
    "mouthFunnel": Shown({"AU22": 0.3}, (0.0, 0.02, 0.1), 0.5),
}
READ: tuple[str, ...] = tuple(sorted({unit for shown in SHOWN.values() for unit in shown.units} | {"AU06"}))
# What the estimator reads of a full one, see faces.changes, where no score answers to a unit (AU09, AU23), or one does
# less well. They mostly rest, so the median is the person's rest; where that is unknown, a unit has its score or is 0.
CHANGED: dict[str, float] = {"AU05": 0.75, "AU09": 0.6, "AU10": 0.8, "AU23": 0.6}
UNREAD = ("AU14", "AU20")  # neither answers to them on real faces
REST_NEEDED = tuple(sorted(CHANGED.keys() - set(READ)))  # a still or a short recording does not tell of these
LEAST_CHANGE = 0.06  # of a full unit; less is what faces at rest read
GAP = 0.02  # eye distances: lips that touch

# Full widths at half height of the Gaussians over time, in seconds. Lids move within a frame or two, lips and jaw
# in speech within some 80 ms, brows and the head are slower.
WIDTHS: dict[str, float] = {"eyeBlink": 0.03, "eyeLookDown": 0.03} | {
    name: 0.2 for name in ("browInnerUp", "browOuterUp", "browDown", "eyeWide", "eyeSquint")
}
WIDTH, POSE_WIDTH, GAZE_WIDTH = 0.08, 0.14, 0.1


def readings(records: np.ndarray, own_rest: bool) -> dict[str, np.ndarray]:
    """Each reading of SHOWN, and eyeLookDown, float64 [R], left and right averaged."""
    scores = records["blendshapes"].astype(np.float64)
    out = {}
    for name in (*SHOWN, "eyeLookDown"):
        names = (name,) if name in BLENDSHAPES else both(name)
        if names[0] in BLENDSHAPES:  # and not measured on the landmarks
            out[name] = scores[:, [BLENDSHAPES.index(n) for n in names]].mean(1)
    out["lipGap"] = np.maximum(records["lip_gap"].astype(np.float64), GAP)
    # two rough readings of one thing, on one scale; the chin's place says nothing where the person's rest is unknown
    jaw = scores[:, BLENDSHAPES.index("jawOpen")]
    out["jaw"] = (jaw + records["chin_drop"]) / 2 if own_rest else jaw
    return out


def smooth(values: np.ndarray, times: np.ndarray, width: float, gap: float = 2.5) -> np.ndarray:
    """float64 [R,...]: a Gaussian of this full width in seconds, without lag; each stretch without a gap of more than
    `gap` steps is smoothed by itself."""
    values = np.array(values, np.float64)
    if len(times) < 3:
        return values
    steps = np.diff(times)
    step = max(float(np.median(steps)), 1e-4)
    for part in np.split(np.arange(len(times)), np.flatnonzero(steps > gap * step) + 1):
        values[part] = gaussian_filter1d(values[part], width / 2.3548 / step, axis=0, mode="nearest")
    return values


def solve(records: np.ndarray) -> tuple[dict[str, np.ndarray], bool]:
    """(units 0..1, float64 [R], by name, of one person's records in order of time; whether their own rest was taken).

    A recording too short to show the person's rest is read like stills, by everybody's usual rest.
    """
    times = records["time"]
    own_rest = len(records) >= FEWEST_WITH_REST and times[-1] - times[0] >= SHORTEST_WITH_REST
    read = {
        name: smooth(values, times, WIDTHS.get(name, WIDTH)) for name, values in readings(records, own_rest).items()
    }
    read["eyeBlink"] = _without_look_down(read["eyeBlink"], read["eyeLookDown"], times)
    moved = np.stack([read[name] - _rest(shown, read[name], own_rest) for name, shown in SHOWN.items()], axis=1)
    units = [next(iter(shown.units)) for shown in SHOWN.values()]
    adds = np.array([[shown.units.get(unit, 0.0) for unit in units] for shown in SHOWN.values()])
    gap = list(SHOWN).index("lipGap")
    solved = np.linalg.solve(adds, moved.T)  # [U,R]
    for i, added in enumerate(adds):
        others = np.delete(np.arange(len(units)), i)
        solved[i] = np.clip((moved[:, i] - added[others] @ solved[others]) / added[i], 0, 1)
        if units[i] == "AU26":  # parts the lips, so it is no more than they show
            solved[i] = np.minimum(solved[i], np.clip(moved[:, gap] / adds[gap, i], 0, 1))
    out = dict(zip(units, solved, strict=True))
    out["AU06"] = _cheeks(out["AU12"])
    return out | (_changed(records) if own_rest else {}), own_rest


def solve_still(blendshapes: Mapping[str, float]) -> dict[str, float]:
    """Units 0..1 of one picture, by the same fixed table as a photo's own."""
    read = unit_readings(blendshapes)
    return {unit: read.get(unit, 0.0) for unit in READ if unit != "AU06"} | {"AU06": float(_cheeks(read["AU12"]))}


def _changed(records: np.ndarray) -> dict[str, np.ndarray]:
    changes = smooth(records["changes"], records["time"], WIDTH)
    changes -= np.median(changes, axis=0)
    shares = {unit: changes[:, UNITS.index(unit)] / full for unit, full in CHANGED.items()}
    return {unit: np.clip((share - LEAST_CHANGE) / (1 - LEAST_CHANGE), 0, 1) for unit, share in shares.items()}


def _cheeks(smile):
    """AU06. No score answers to the cheeks themselves, but a smile of some strength does not leave them in place."""
    return np.clip((smile - CHEEKS_FROM) / (1 - CHEEKS_FROM), 0, 1)


def _rest(shown: Shown, values: np.ndarray, own: bool) -> float:
    low, usual, high = shown.rest
    return float(np.clip(np.quantile(values, shown.quantile), low, high)) if own else usual


def _without_look_down(blink: np.ndarray, look_down: np.ndarray, times: np.ndarray) -> np.ndarray:
    """eyeBlink less what lids show that follow eyes looking down, which last, while a blink is soon over."""
    if len(times) < 3:
        return blink - LOOK_DOWN * look_down
    step = max(float(np.median(np.diff(times))), 1e-4)
    size = 2 * max(1, round(BLINK_TIME / step / 2)) + 1
    return blink - LOOK_DOWN * median_filter(look_down, size, mode="nearest")
