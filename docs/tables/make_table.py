"""Writes talking_25fps.csv: an invented recording in the columns of OpenFace 2.2's FeatureExtraction; no real face.

    python3.11 docs/tables/make_table.py

Four seconds at 25 frames a second: two short phrases with their lips, jaw and nods, three blinks, brows that mark the
stressed words, a smile that closes it. Intensities are OpenFace's points (a full blink about 2 of 5, as real recordings
have it), angles radians with OpenFace's signs. The same file comes out every time.
"""

from __future__ import annotations

import random
from math import cos, pi, sin
from pathlib import Path

RATE = 25
ROWS = 100
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PRESENT = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)

SYLLABLES = (  # middle in seconds, width in seconds, then points: lips part, jaw drops, lips stretch, lips tighten
    (0.36, 0.24, 1.0, 1.1, 0.1, 0.0),
    (0.56, 0.22, 1.4, 1.7, 0.0, 0.0),
    (0.76, 0.20, 0.9, 0.6, 0.7, 0.0),
    (0.95, 0.22, 1.2, 1.4, 0.2, 0.0),
    (1.14, 0.20, 0.7, 0.5, 0.0, 0.8),
    (1.36, 0.30, 1.5, 1.9, 0.1, 0.0),
    (2.04, 0.22, 0.9, 0.8, 0.5, 0.0),
    (2.22, 0.20, 1.3, 1.5, 0.0, 0.0),
    (2.41, 0.20, 0.6, 0.4, 0.0, 0.9),
    (2.60, 0.24, 1.5, 1.8, 0.2, 0.0),
    (2.82, 0.22, 1.1, 0.8, 0.8, 0.0),
    (3.04, 0.28, 1.2, 1.2, 0.3, 0.0),
)
CLOSURES = (0.66, 1.05, 1.24, 2.12, 2.50, 2.72)  # lips meet, as for m, b and p: the chin lifts a little
BLINKS = (0.16, 1.72, 3.28)


def bump(t: float, middle: float, width: float) -> float:
    """0..1: a smooth rise and fall of the given width around the middle."""
    x = (t - middle) / width
    return 0.5 + 0.5 * cos(2 * pi * x) if abs(x) < 0.5 else 0.0


def ramp(t: float, start: float, end: float) -> float:
    """0 before the start, 1 after the end, smooth between."""
    x = min(max((t - start) / (end - start), 0), 1)
    return x * x * (3 - 2 * x)


def blink(t: float, middle: float) -> float:
    """0..1: lids fall faster than they rise."""
    return ramp(t, middle - 0.11, middle - 0.01) - ramp(t, middle + 0.03, middle + 0.20)


def row(frame: int, noise: random.Random) -> str:
    t = (frame - 1) / RATE
    spoken = [(bump(t, middle, width), *points) for middle, width, *points in SYLLABLES]
    parted, jaw, stretched, tightened = (sum(s[0] * s[i] for s in spoken) for i in (1, 2, 3, 4))
    closed = max(bump(t, c, 0.12) for c in CLOSURES)
    stress = bump(t, 0.60, 0.60) + 0.8 * bump(t, 1.38, 0.50)
    wonder = ramp(t, 1.75, 1.95) - ramp(t, 2.55, 2.85)
    doubt = ramp(t, 1.40, 1.60) - ramp(t, 1.70, 1.90)
    smile = ramp(t, 2.95, 3.45) * (1 - 0.45 * ramp(t, 3.72, 3.98))
    shut = max(blink(t, b) for b in BLINKS)

    points = dict.fromkeys(UNITS, 0.0) | {
        1: 0.45 * stress + 0.95 * wonder,
        2: 0.25 * stress + 0.60 * wonder,
        4: 0.55 * doubt,
        5: 0.35 * wonder * (1 - shut),
        6: 1.3 * smile,
        7: 0.5 * smile + 0.3 * doubt,
        10: 0.15 * parted + 0.3 * smile,
        12: 1.7 * smile + 0.25 * bump(t, 1.62, 0.5),
        14: 0.4 * smile,
        15: 0.3 * doubt,
        17: 0.7 * closed + 0.4 * doubt,
        20: stretched,
        23: tightened + 0.3 * closed,
        25: parted * (1 - 0.8 * closed) + 0.5 * smile,
        26: jaw * (1 - 0.4 * closed),
        45: 2.1 * shut,
    }
    points = {unit: min(max(v + noise.gauss(0, 0.02), 0), 5) if v else 0.0 for unit, v in points.items()}

    pitch = 0.02 + 0.05 * stress - 0.04 * wonder + 0.05 * bump(t, 2.62, 0.5) + 0.03 * smile + noise.gauss(0, 0.002)
    yaw = 0.13 * sin(2 * pi * (t - 0.1) / 3.4) * ramp(t, 0.0, 0.5) + noise.gauss(0, 0.002)
    roll = 0.05 * sin(2 * pi * t / 2.3) * ramp(t, 0.0, 0.4) + 0.06 * smile + noise.gauss(0, 0.002)
    place = (8 + 60 * yaw, 14 + 40 * pitch, 520 - 12 * smile)
    gaze = (-0.9 * yaw + 0.05 * sin(1.7 * t), 0.02 + 0.9 * pitch + 0.35 * shut)

    cells = [f"{frame}", "0", f"{t:.3f}", f"{0.98 - 0.05 * shut:.2f}", "1"]
    for offset in (0.03, -0.03):  # the two eyes converge a little
        x, y = sin(gaze[0] + offset), sin(gaze[1])
        cells += [f"{x:.6f}", f"{y:.6f}", f"{-((1 - x * x - y * y) ** 0.5):.6f}"]
    cells += [f"{angle:.3f}" for angle in gaze]
    cells += [f"{value:.1f}" for value in place]
    cells += [f"{angle:.3f}" for angle in (pitch, yaw, roll)]
    cells += [f"{points[unit]:.2f}" for unit in UNITS]
    cells += [f"{float(closed > 0.5 if unit == 28 else points[unit] > 0.5):.1f}" for unit in PRESENT]
    return ", ".join(cells)


def table() -> str:
    """The whole file: a header and a row a frame, separated as OpenFace does."""
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"] + ["gaze_angle_x", "gaze_angle_y"]
    names += ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]
    names += [f"AU{unit:02}_r" for unit in UNITS] + [f"AU{unit:02}_c" for unit in PRESENT]
    noise = random.Random(25)
    return "\n".join([", ".join(names), *(row(frame, noise) for frame in range(1, ROWS + 1))]) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "talking_25fps.csv").write_text(table(), "utf-8")
