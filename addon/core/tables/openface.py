"""OpenFace's tables, 1.x to 2.2, and what other programs saved of them -> Table."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..attributes import GAZE as GAZE_ANGLES
from ..attributes import POSE as POSE_ANGLES
from ..attributes import UNITS
from ..errors import TableError
from ..faces.pose import line_of_sight
from .clock import NoClock, read_clock
from .recognise import EXTRA, GAZE, INTENSITIES, PLACE, POSE, canonical, is_own, openface_format, refusal
from .text import Columns, read_columns

FARTHEST_ASIDE = 1.2  # tangent: no lens shows heads that stand farther off its axis
MINIMUM_CONFIDENCE = 0.7  # below it OpenFace's author calls a row failed


@dataclass(frozen=True, eq=False)
class Table:
    """One face of an OpenFace table, in the file's own scale, in the order of its clock.

    frames int64 [F]; times float64 [F] seconds by the file's clock (not shifted to 0), strictly increasing, or None
    where there is no clock; intensities float32 [F,U] points 0..5 in the order of UNITS; pose float32 [F,3] pitch,
    yaw, roll in radians with OpenFace's signs, as a picture shows them (against the line of sight where the file has
    the head's place, else as they stand); gaze float32 [F,2] pitch and yaw of the eyes in the head, 0 straight
    ahead; confidence float32 [F] (1 where the table has none); valid bool [F]: rows that can be trusted; lines int64
    [F]: the file's own line numbers. `present` names the attributes that the table has; what it lacks is 0, and so are
    empty cells, whose rows are not valid. `rate` is rows a second (None for a still), `clock_problem` why times is
    None. `divided` says that the intensities look as if somebody had divided them by 5 already, `own` that Zygoma wrote
    the table: its intensities are 5 x slider, the person's rest taken off. `report` tells what was done, one sentence a
    line.
    """

    path: Path
    format: str
    faces: tuple[int, ...]
    face: int
    frames: np.ndarray
    times: np.ndarray | None
    intensities: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray
    confidence: np.ndarray
    valid: np.ndarray
    lines: np.ndarray
    present: frozenset[str]
    columns: tuple[str, ...]
    rate: float | None
    clock_problem: str
    divided: bool
    own: bool
    report: tuple[str, ...]

    @property
    def is_still(self) -> bool:
        """A table of one row: a pose for the current frame, not a recording."""
        return len(self.frames) == 1

    def __len__(self) -> int:
        return len(self.frames)


def read_openface(path: Path, face, rate, divided, minimum_confidence: float, need_clock: bool) -> Table:
    """See addon.core.tables.read_table."""
    if rate is not None and not 0.01 <= rate <= 10_000:
        raise TableError(f"{path.name}: a rate of {rate:g} rows a second is not possible.")
    spelling: dict[str, str] = {}

    def choose(header: tuple[str, ...]) -> list[str]:
        spelling.update(canonical(header))
        if not any(name in spelling for name in INTENSITIES):
            raise TableError(f"{path.name} {refusal(header)}.")
        return list(spelling.values())

    table = read_columns(path, choose, text=("timestamp", "time"))
    notes = list(table.notes)
    columns = {name: table.values[:, table.names.index(own)] for name, own in spelling.items()}
    rows, faces, face = _choose_face(path, columns, face, notes)
    columns = {name: values[rows] for name, values in columns.items()}
    lines = table.lines[rows]

    present = _present(columns, notes)
    intensities = _together(columns, INTENSITIES, present, UNITS, len(rows))
    pose = _together(columns, POSE, present, POSE_ANGLES, len(rows))
    looks = _together(columns, GAZE, present, GAZE_ANGLES, len(rows))
    valid = _trusted(columns, intensities, pose, minimum_confidence, _is_averaged(table), notes)

    try:
        clock = read_clock(columns.get("frame"), columns.get("timestamp"), valid, rate)
    except NoClock as reason:
        if need_clock:
            raise TableError(
                f"{path.name} has no usable clock, so say how many rows a second it has: {reason}."
            ) from None
        order, times, rows_a_second, problem = np.arange(len(rows)), None, None, str(reason)
    else:
        order, times, rows_a_second, problem = clock.order, clock.times, clock.rate, ""
        notes += clock.notes
    intensities, pose, valid, lines = intensities[order], pose[order], valid[order], lines[order]
    looks = looks[order]
    frames = columns.get("frame")
    frames = np.arange(1, len(rows) + 1) if frames is None or not np.isfinite(frames).all() else np.rint(frames)
    confidence = np.nan_to_num(columns.get("confidence", np.ones(len(rows))))[order]

    own = is_own(table.header, table.first)
    suspected = not own and _looks_divided(table, intensities[valid])
    intensities, pose = _scale(intensities, pose, valid, suspected, divided, notes)
    return Table(
        path=path,
        format=openface_format(table.header, len(faces) > 1, own),
        faces=faces,
        face=face,
        frames=frames.astype(np.int64)[order],
        times=times,
        intensities=np.nan_to_num(intensities).astype(np.float32),
        pose=_as_seen(columns, order, pose, valid, present, notes),
        gaze=_in_head(looks, pose) if GAZE_ANGLES[0] in present else np.zeros((len(order), 2), np.float32),
        confidence=confidence.astype(np.float32),
        valid=valid,
        lines=lines,
        present=present,
        columns=table.header,
        rate=rows_a_second,
        clock_problem=problem,
        divided=suspected,
        own=own,
        report=tuple(notes),
    )


def _choose_face(path, columns: dict[str, np.ndarray], face: int | None, notes: list[str]):
    """(row indices, all faces, the chosen one): as asked, else the face with most rows."""
    ids = columns.get("face_id", columns.get("face"))
    if ids is None:
        if face not in (None, 0):
            raise TableError(
                f"{path.name} holds one face without a number, so there is no face {face}: leave the face out."
            )
        return np.arange(len(next(iter(columns.values())))), (0,), 0
    known = np.isfinite(ids)
    if not known.any():
        raise TableError(f"{path.name} gives no row a face: its column of faces is empty.")
    if not known.all():
        notes.append(f"{_rows(int((~known).sum()))} without the number of a face left out.")
    numbers, counts = np.unique(np.rint(ids[known]).astype(int), return_counts=True)
    listed = ", ".join(f"{n} ({_rows(c)})" for n, c in zip(numbers[:12], counts[:12], strict=True))
    if face is None:
        face = int(numbers[counts.argmax()])
        if len(numbers) > 1:
            notes.append(f"Faces {listed}: face {face}, the one with most rows, was chosen.")
    elif face not in numbers:
        raise TableError(f"{path.name} has no face {face}: it has {listed}.")
    rows = np.flatnonzero(known & (np.rint(np.nan_to_num(ids, nan=-1e9)) == face))
    return rows, tuple(int(n) for n in numbers), int(face)


def _present(columns: dict[str, np.ndarray], notes: list[str]) -> frozenset[str]:
    attributes = dict(zip((*INTENSITIES, *POSE), (*UNITS, *POSE_ANGLES), strict=True))
    empty = [name for name in attributes if name in columns and not np.isfinite(columns[name]).any()]
    if empty:
        notes.append(f"Without a single number, so at rest: {', '.join(empty)}.")
    absent = [name for name in attributes if name not in columns]
    if missed := [name for name in absent if name not in EXTRA]:
        notes.append(f"Not in the table, so at rest: {', '.join(missed)}.")
    found = {attributes[name] for name in attributes if name not in absent and name not in empty}
    if all(name in columns and np.isfinite(columns[name]).any() for name in GAZE):
        if found.issuperset(POSE_ANGLES):
            found.update(GAZE_ANGLES)
        else:
            notes.append("The gaze is the camera's, and without the head's pose nobody's: it is left out.")
    return frozenset(found)


def _in_head(looks: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """float32 [R,2] pitch, yaw of the eyes in the head, of gaze_angle_x, _y [R,2] and the head's pose [R,3], both in
    the camera's frame."""
    right, down = np.tan(np.clip(np.nan_to_num(looks), -1.5, 1.5)).T
    ahead = np.stack([right, down, np.full(len(looks), -1.0)], axis=1)
    x, y, z = Rotation.from_euler("XYZ", np.nan_to_num(pose)).inv().apply(ahead).T
    return np.stack([np.arctan2(y, -z), np.arctan2(-x, -z)], axis=1).astype(np.float32)


def _as_seen(columns, order, pose: np.ndarray, valid: np.ndarray, present: frozenset[str], notes: list[str]):
    """float32 [R,3]: OpenFace's pose [R,3], which is in the camera's frame, against the line of sight to the head,
    where the table says where that stands: a photo does not wander in its frame as the head of a recording does."""
    turned = np.nan_to_num(pose)
    if not (set(PLACE) <= set(columns) and present.issuperset(POSE_ANGLES) and valid.any()):
        return turned.astype(np.float32)
    place = np.stack([columns[name][order] for name in PLACE], axis=1)
    known = np.isfinite(place).all(1) & (place[:, 2] > 0)
    aside = np.hypot(place[:, 0], place[:, 1]) > FARTHEST_ASIDE * place[:, 2]
    if odd := int((aside | ~known)[valid].sum()):
        notes.append(f"The head's place (pose_T) is none that a camera sees in {_rows(odd)}: poses stay as they stand.")
        return turned.astype(np.float32)
    sight = Rotation.from_matrix(line_of_sight(np.where(known[:, None], place, (0.0, 0.0, 1.0))))
    return (sight.inv() * Rotation.from_euler("XYZ", turned)).as_euler("XYZ").astype(np.float32)


def _together(columns, names, present: frozenset[str], attributes, count: int) -> np.ndarray:
    """float64 [R, len(names)]; 0 for what the table lacks, NaN for a missing cell."""
    out = np.zeros((count, len(names)))
    for i, (name, attribute) in enumerate(zip(names, attributes, strict=True)):
        if attribute in present:
            out[:, i] = columns[name]
    return out


def _is_averaged(table: Columns) -> bool:
    """Whether FeatureExtraction went over the table after the video: only then it prints presences with two
    decimals."""
    written = dict(zip((name.casefold() for name in table.header), table.first, strict=False))
    return written.get("au01_c", "").strip() in ("0.00", "1.00")


def _trusted(columns, intensities, pose, minimum_confidence: float, averaged: bool, notes: list[str]) -> np.ndarray:
    """bool [R]: rows with a face that OpenFace is sure of and with a number in every cell that is read."""
    success, confidence = columns.get("success"), columns.get("confidence")
    failed = np.zeros(len(intensities), bool)
    if success is not None:
        failed |= ~(success > 0.5)
        if averaged and failed.any():
            # it sets failed rows to 0 and then averages every unit over 3 rows: their neighbours sag, too
            beside = failed.copy()
            beside[1:] |= failed[:-1]
            beside[:-1] |= failed[1:]
            notes.append(
                f"Averaged with failed rows, so failed too: {_rows(int((beside & ~failed).sum()))} beside them."
            )
            failed = beside
    if confidence is not None:
        failed |= ~(confidence >= minimum_confidence)
    if success is None and confidence is None:
        # where OpenFace sees no face it writes zeros everywhere; with `success` there, they are a face at rest
        blank = (pose == 0).all(1) & (intensities == 0).all(1)
        if not blank.all():
            failed |= blank
    missing = ~(np.isfinite(intensities).all(1) & np.isfinite(pose).all(1))
    if failed.any():
        notes.append(
            f"{_rows(int(failed.sum()))} failed (success 0, confidence below {minimum_confidence:g} or no face)."
        )
    if (missing & ~failed).any():
        cells = int((~np.isfinite(np.c_[intensities, pose])[~failed]).sum())
        rows = int((missing & ~failed).sum())
        notes.append(f"{cells:,} empty or NaN cells in {_rows(rows)}: these rows count as failed.")
    return ~(failed | missing)


def _looks_divided(table: Columns, intensities: np.ndarray) -> bool:
    """Whether AUs may be intensity / 5: none passes 1, and digits or missing columns say that somebody worked on them.

    OpenFace 2 prints hundredths; fifths of them are multiples of .002.
    """
    if not len(intensities) or not (highest := np.nanmax(intensities)) or highest > 1:
        return False
    hundredths = np.abs(intensities * 100 - np.rint(intensities * 100)).max() < 1e-3
    fifths = np.abs(intensities * 500 - np.rint(intensities * 500)).max() < 1e-3
    untouched = any(name.casefold().endswith("_c") for name in table.header)
    return bool(not untouched or (fifths and not hundredths))


def _scale(intensities, pose, valid, suspected: bool, divided: bool | None, notes: list[str]):
    """Intensities in points, angles in radians."""
    if divided:
        intensities = intensities * 5
        notes.append("The intensities were taken as divided by 5, as asked.")
    elif suspected and divided is None:
        notes.append(
            "No intensity passes 1: they may have been divided by 5 already, or the face is calm; they were taken as "
            "OpenFace's points (0 to 5), and you can say that they are divided."
        )
    if valid.any():
        highest, lowest = intensities[valid].max(), intensities[valid].min()
        if highest > 5.001:
            unit = INTENSITIES[int(intensities[valid].max(0).argmax())]
            notes.append(f"{unit} reaches {highest:.3g}, more than OpenFace's 5 points.")
        if lowest < 0:
            unit = INTENSITIES[int(intensities[valid].min(0).argmin())]
            notes.append(f"{unit} falls to {lowest:.3g}, below OpenFace's 0 points.")
        if np.quantile(np.abs(pose[valid]).max(1), 0.9) > pi:
            pose = np.radians(pose)
            notes.append("The head's angles are too large for radians: taken as degrees.")
    return intensities, pose


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
