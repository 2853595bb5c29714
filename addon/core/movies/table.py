"""Records of a movie's faces -> a table with OpenFace's columns, on the sliders' own scale (AU.._r = 5 x slider)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..attributes import UNITS
from ..faces.measures import directions
from ..faces.pose import angles, line_of_sight
from ..tables.recognise import SCALE
from ..tables.scale import POINTS
from .units import CHANGED, GAZE_WIDTH, POSE_WIDTH, READ, UNREAD, smooth

EYES = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")  # 0 is the left one in the picture
PLACE = ("gaze_angle_x", "gaze_angle_y", "pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
HEADER = ("frame", "face_id", "timestamp", "confidence", "success", *EYES, *PLACE)
HEADER += (*(f"{unit}_r" for unit in UNITS), *(f"{unit}_c" for unit in UNITS), SCALE[0])
PRESENT = 0.2  # slider from which a unit counts as there
SHUT = 0.5  # AU45 from which the eyes say nothing of where they look
BETWEEN_EYES = 63.0  # millimetres from the middle of one eye's corners to the other's
ROWS = 4096  # written at a time

assert set(UNITS) == {*READ, *CHANGED, *UNREAD}


@dataclass(frozen=True, eq=False)
class Rows:
    """One face's rows. frames int [R], times float64 [R] seconds, confidence [R], gaze float64 [R,6] unit vectors of
    both eyes, place float64 [R,8] as PLACE says, units float64 [R,20] 0..1 in the order of UNITS."""

    face: int
    frames: np.ndarray
    times: np.ndarray
    confidence: np.ndarray
    gaze: np.ndarray
    place: np.ndarray
    units: np.ndarray


def rows(records: np.ndarray, units: Mapping[str, np.ndarray]) -> Rows:
    """records [R] of one face in order of time, and its units."""
    times = records["time"]
    turns = _towards_camera(records)
    pose = np.array([angles(turn) for turn in turns], np.float64).reshape(-1, 3)
    gaze = _gaze(records, turns, units["AU45"])
    mean = gaze.mean(1)
    look = np.arctan2(mean[:, :2], -mean[:, 2:])
    place = np.concatenate([look, _position(records), smooth(np.unwrap(pose, axis=0), times, POSE_WIDTH)], axis=1)
    return Rows(
        face=int(records["face"][0]) if len(records) else 0,
        frames=records["frame"].astype(np.int64),
        times=times.astype(np.float64),
        confidence=records["confidence"].astype(np.float64),
        gaze=gaze.reshape(-1, 6),
        place=place,
        units=np.stack([units.get(unit, np.zeros(len(records))) for unit in UNITS], axis=1),
    )


def _focal(records: np.ndarray) -> np.ndarray:
    """float64 [R,1], pixels. Nobody knows the camera: OpenFace's guess, so that angles are comparable."""
    width, height = records["size"].astype(np.float64).T
    return ((500 * width / 640 + 500 * height / 480) / 2)[:, None]


def _ray(records: np.ndarray) -> np.ndarray:
    """float64 [R,2]: where the head stands, as the tangents of the angles right of and below the camera's axis."""
    return (records["middle"] - (records["size"] - 1) / 2) / _focal(records)


def _towards_camera(records: np.ndarray) -> np.ndarray:
    """float64 [R,3,3]: the heads' turns in the camera's frame, which is what OpenFace writes."""
    ray = _ray(records)
    ahead = np.concatenate([ray, np.ones((len(ray), 1))], axis=1)
    return line_of_sight(ahead) @ records["turn"].astype(np.float64)


def _position(records: np.ndarray) -> np.ndarray:
    """float64 [R,3] millimetres from the camera, by a usual distance of the eyes."""
    far = _focal(records) * BETWEEN_EYES / np.maximum(records["eyes"], 1e-3)[:, None]
    return smooth(np.concatenate([_ray(records) * far, far], axis=1), records["time"], POSE_WIDTH)


def _gaze(records: np.ndarray, turns: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """float64 [R,2,3]: where the eyes look, in the camera's frame; through a blink from before it to after it."""
    offsets = records["irises"].astype(np.float64).reshape(len(records), 4)
    times, seen = records["time"], shut < SHUT
    if seen.any() and not seen.all():
        offsets = np.stack([np.interp(times, times[seen], column[seen]) for column in offsets.T], axis=1)
    eyes = directions(smooth(offsets, times, GAZE_WIDTH).reshape(-1, 2, 2))
    return np.einsum("rij,rej->rei", turns, eyes)


def lines(faces: list[Rows], empty: np.ndarray) -> Iterator[bytes]:
    """The table as text, header first, rows by frame and then by face. empty: records of frames in which nobody was
    seen, which become failed rows of face 0, so that the clock runs on."""
    yield (", ".join(HEADER) + "\n").encode()
    frames = np.concatenate([*(face.frames for face in faces), empty["frame"]])
    which = np.concatenate([*(np.full(len(face.frames), i) for i, face in enumerate(faces)), np.full(len(empty), -1)])
    row = np.concatenate([*(np.arange(len(face.frames)) for face in faces), np.arange(len(empty))])
    order = np.lexsort((which, frames))
    failed = ", 0.00, 0, " + ", ".join(["0"] * (len(HEADER) - 6)) + f", {SCALE[1]}\n"
    for start in range(0, len(order), ROWS):
        text = []
        for i in order[start : start + ROWS]:
            if which[i] < 0:
                record = empty[row[i]]
                text.append(f"{record['frame']}, 0, {record['time']:.3f}{failed}")
            else:
                text.append(_line(faces[which[i]], int(row[i])))
        yield "".join(text).encode()


def _line(face: Rows, i: int) -> str:
    units = face.units[i]
    cells = [f"{face.frames[i]}, {face.face}, {face.times[i]:.3f}, {face.confidence[i]:.2f}, 1"]
    cells += [f"{value:.6f}" for value in face.gaze[i]]
    look, position, pose = face.place[i, :2], face.place[i, 2:5], face.place[i, 5:]
    cells += [f"{value:.4f}" for value in look] + [f"{value:.1f}" for value in position]
    cells += [f"{value:.4f}" for value in pose]
    cells += [f"{POINTS * value:.3f}" for value in units] + ["1" if value > PRESENT else "0" for value in units]
    return ", ".join(cells) + f", {SCALE[1]}\n"
