"""Faces over time: each is followed by its own last landmarks, checked now and then, found again when it is lost.

Presence alone accepts what is no face. So a face must hold still under jittered crops when it is found, whenever it
jumps and every few seconds; in between, twice a second, a detector must see the same eyes, nose and mouth, which costs
a tenth of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..attributes import UNITS
from ..faces import FaceReader
from ..faces.changes import read_changes
from ..faces.detect import SHORT, Detection, detect, detect_in
from ..faces.expression import BLENDSHAPES
from ..faces.landmarks import Fit, fit_regions, region_of
from ..faces.measures import chin_drop, in_head_frame, iris_offsets, lip_gap
from ..faces.picture import Picture, Region
from ..faces.topology import NOSE_TIP, eye_distance, eye_middles
from ..faces.trust import GOOD, PRESENT, USABLE, check, fit_any_turn
from .footage import Frame

STEADY = 4.0  # seconds between two looks at a face that is followed, whether it holds still
AGREED = 0.5  # seconds between two looks whether a detector sees it, too
DISAGREE = 0.3  # eye distances between the detector's keypoints and the landmarks: good fits .12, turned ones .6
SEARCHED, SEARCHED_LOST = 0.5, 0.1  # seconds between two searches for faces, and while one is missing
TILED = 2.0  # seconds between two searches for small faces, while there is none at all
REFUSED = 2.0  # seconds for which a place that was no face is not tried again
CUT = 40.0  # mean difference in grey levels from the frame before: another scene
JUMP, GROWTH, TURN = 0.3, 1.4, 0.5  # sides, factor, radians from one frame to the next: looked at twice
SMALLEST_EYES = 6.0  # eye distance in pixels; a smaller face has no readable expression
NEAR, NEAR_TIME = 1.0, 3.0  # sides away, seconds gone: the same person again
ALIKE = 0.04  # mean distance of rigid points, eye distances: one person's frames .025, strangers .07
MOST_FACES = 8
THUMBNAIL = 48
CLOSER = 1.3 / 1.5  # of the landmarks' crop: what the detector sees best
LIPS = (13, 14)  # inner lips, middle

RECORD = np.dtype(
    [
        *(("frame", "<i4"), ("face", "<i4"), ("time", "<f8")),  # face -1: a frame in which nobody was seen
        *(("region", "<f8", 4), ("size", "<i4", 2)),  # of the crop: x, y, side, angle; of the frame: width, height
        *(("confidence", "<f4"), ("spread", "<f4")),
        *(("turn", "<f4", (3, 3)), ("middle", "<f4", 2), ("eyes", "<f4")),  # eyes: their distance in pixels
        *(("lip_gap", "<f4"), ("chin_drop", "<f4"), ("irises", "<f4", (2, 2))),
        *(("blendshapes", "<f4", len(BLENDSHAPES)), ("changes", "<f4", len(UNITS))),
    ]
)


@dataclass
class Person:
    """A face with a number. `region` is where to look next, `shape` [K,3] the mean of its rigid points."""

    number: int
    region: Region
    seen: float
    steady: float
    agreed: float
    spread: float
    shape: np.ndarray
    views: int = 1
    followed: bool = True


class Follower:
    """Readings of each frame's faces; frames come in order. points: the landmarks float32 [478,3] of the last frame's
    faces, by number."""

    def __init__(
        self, reader: FaceReader, most: int = MOST_FACES, patience: float = SEARCHED_LOST, expressions: bool = True
    ):
        """most: how many faces are followed at a time; the largest come first. patience: seconds between two searches
        while a face is missing. expressions: whether blendshapes and changes are read, which else are 0."""
        self.reader, self.models, self.most, self.patience = reader, reader.models, most, patience
        self.expressions = expressions
        self.points: dict[int, np.ndarray] = {}
        self.people: list[Person] = []
        self.refused: list[tuple[float, np.ndarray, float]] = []  # time, middle, side
        self.searched = self.tiled = -np.inf
        self.before: np.ndarray | None = None

    def resume(self, records: np.ndarray) -> None:
        """Go on behind records of an earlier run."""
        faces = records[records["face"] >= 0]
        for number in np.unique(faces["face"]):
            last = faces[faces["face"] == number][-1]
            followed = bool(len(records) and last["frame"] == records["frame"][-1])
            region = Region(*(float(v) for v in last["region"]))
            time = float(last["time"])
            self.people.append(
                Person(int(number), region, time, -np.inf, time, float(last["spread"]), _NO_SHAPE, 0, followed)
            )

    def __call__(self, frame: Frame) -> np.ndarray:
        """Records of the frame's faces, or one of face -1."""
        picture = Picture(frame.pixels)
        cut = self._is_cut(frame.pixels)
        if cut:
            for person in self.people:
                person.followed = False
        points = self._followed(picture, frame.time)
        if cut or self._search_due(frame.time):
            points |= self._searched(picture, frame.time, points)
        self.points = points
        return self._records(frame, picture, points)

    def _is_cut(self, pixels: np.ndarray) -> bool:
        step = max(1, min(pixels.shape[:2]) // (2 * THUMBNAIL))
        small = cv2.resize(pixels[::step, ::step], (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
        small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        before, self.before = self.before, small
        return before is not None and float(cv2.absdiff(small, before).mean()) > CUT

    def _followed(self, picture: Picture, time: float) -> dict[int, np.ndarray]:
        """Points by number of the faces that are still where they were; the others are lost."""
        people = [person for person in self.people if person.followed]
        if not people:
            return {}
        fits, presence = fit_regions(self.models, picture, [person.region for person in people])
        kept: dict[int, np.ndarray] = {}
        for person, points, present in zip(people, fits, presence, strict=True):
            following = region_of(points)
            twin = any(_same_place(points, other) for other in kept.values())
            person.followed = present >= PRESENT and not twin and eye_distance(points) >= SMALLEST_EYES
            if person.followed and not self._still_trusted(picture, person, points, time):
                person.spread = check(self.models, picture, Fit(points, float(present), following)).spread
                person.steady = person.agreed = time
                person.followed = person.spread <= USABLE
            if person.followed:
                person.region, person.seen = following, time
                kept[person.number] = points
        return kept

    def _still_trusted(self, picture: Picture, person: Person, points: np.ndarray, time: float) -> bool:
        """Whether the last looks at a face, and a cheap one now and then, do for these points."""
        if _jumped(person.region, region_of(points)) or time - person.steady >= STEADY:
            return False
        if time - person.agreed < AGREED:
            return True
        person.agreed = time
        region = region_of(points)
        closer = Region(region.x, region.y, region.side * CLOSER, region.angle)
        return any(_agree(found, points) for found in detect_in(self.models, picture, [closer], SHORT))

    def _search_due(self, time: float) -> bool:
        followed = sum(person.followed for person in self.people)
        if followed >= self.most:
            return False
        missing = not followed or any(time - p.seen < NEAR_TIME for p in self.people if not p.followed)
        return time - self.searched >= (self.patience if missing else SEARCHED) - 1e-6

    def _searched(self, picture: Picture, time: float, followed: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Points by number of faces that are new or back."""
        self.searched = time
        self.refused = [entry for entry in self.refused if time - entry[0] < REFUSED]
        found = self._tried(picture, time, detect(self.models, picture, 0), list(followed.values()))
        if not found and not followed and time - self.tiled >= TILED:
            self.tiled = time
            for level in (1, 2):
                found = found or self._tried(picture, time, detect(self.models, picture, level), [])
        found.sort(key=lambda entry: -eye_distance(entry[0]))
        found = found[: self.most - len(followed)]
        return {self._known(points, spread, time): points for points, spread in found}

    def _tried(self, picture: Picture, time: float, detections: list[Detection], known: list[np.ndarray]):
        """(points of a single fit, spread) of each detection that is a face, and no known one."""
        found = []
        for detection in detections[: 3 * self.most]:
            taken = any(_covers(points, detection.centre) for points in known)
            if taken or any(np.abs(detection.centre - at).max() < 0.3 * side for _, at, side in self.refused):
                continue
            fit = fit_any_turn(self.models, picture, detection.region)
            if not fit.trusted or eye_distance(fit.points) < SMALLEST_EYES:
                self.refused.append((time, detection.centre, detection.side))
            elif not any(_same_place(fit.points, points) for points in known):
                # the blendshape head wants the points of a single fit
                points, _ = fit_regions(self.models, picture, [region_of(fit.points)])
                found.append((points[0], fit.spread))
                known = [*known, points[0]]
        return found

    def _known(self, points: np.ndarray, spread: float, time: float) -> int:
        """The number of a face that was found: a lost person's who was just there or looks alike, or a new one."""
        region, shape = region_of(points), self._shape(points)
        best: tuple[float, Person] | None = None
        for person in self.people:
            if person.followed:
                continue
            away = np.hypot(person.region.x - region.x, person.region.y - region.y) / max(region.side, 1e-6)
            growth = abs(np.log(person.region.side / region.side))
            unlike = float(np.linalg.norm(person.shape - shape, axis=1).mean()) if person.views else ALIKE
            near = time - person.seen < NEAR_TIME and away < NEAR and growth < np.log(2)
            cost = unlike / ALIKE + 0.5 * min(away, 2.0)
            if (near or unlike < ALIKE) and (best is None or cost < best[0]):
                best = cost, person
        if best is None:
            number = max((person.number for person in self.people), default=-1) + 1
            self.people.append(Person(number, region, time, time, time, spread, shape))
            return number
        person = best[1]
        person.region, person.spread, person.followed = region, spread, True
        person.seen = person.steady = person.agreed = time
        return person.number

    def _shape(self, points: np.ndarray) -> np.ndarray:
        pose = self.reader.head_pose
        shape = in_head_frame(points, pose.turn(points))[pose.rigid]
        return shape - shape.mean(0)

    def _records(self, frame: Frame, picture: Picture, points: dict[int, np.ndarray]) -> np.ndarray:
        height, width = frame.pixels.shape[:2]
        out = np.zeros(max(1, len(points)), RECORD)
        out["frame"], out["face"], out["time"], out["size"] = frame.number, -1, frame.time, (width, height)
        if not points:
            return out
        numbers = sorted(points)
        batch = np.stack([points[number] for number in numbers]).astype(np.float32)
        if self.expressions:
            (out["blendshapes"],) = self.models.run("blendshapes.onnx", landmarks=batch)
            out["changes"] = read_changes(self.models, picture, batch)
        people = {person.number: person for person in self.people}
        pose = self.reader.head_pose
        for row, number, landmarks in zip(out, numbers, batch, strict=True):
            person, turn = people[number], pose.turn(landmarks)
            head = in_head_frame(landmarks, turn)
            shape = head[pose.rigid] - head[pose.rigid].mean(0)
            person.views = min(person.views + 1, 250)
            person.shape = person.shape + (shape - person.shape) / person.views
            region = person.region
            row["face"], row["region"] = number, (region.x, region.y, region.side, region.angle)
            row["spread"], row["confidence"] = person.spread, _confidence(person.spread)
            row["turn"], row["middle"], row["eyes"] = turn, landmarks[:468, :2].mean(0), eye_distance(landmarks)
            row["lip_gap"], row["chin_drop"], row["irises"] = lip_gap(head), chin_drop(head), iris_offsets(head)
        return out


_NO_SHAPE = np.zeros((1, 3))


def _confidence(spread: float) -> float:
    """0.98 for a fit that is good, .75 for one that is just usable."""
    return 0.98 - 0.23 * float(np.clip((spread - GOOD) / (USABLE - GOOD), 0, 1))


def _jumped(before: Region, after: Region) -> bool:
    shift = np.hypot(after.x - before.x, after.y - before.y) / before.side
    growth = abs(np.log(after.side / before.side))
    turn = abs(np.angle(np.exp(1j * (after.angle - before.angle))))
    return bool(shift > JUMP or growth > np.log(GROWTH) or turn > TURN)


def _agree(found: Detection, points: np.ndarray) -> bool:
    """Whether a detection's eyes, nose and mouth are those of the landmarks."""
    seen = np.stack([*eye_middles(points), points[NOSE_TIP], points[list(LIPS)].mean(0)])[:, :2]
    return float(np.linalg.norm(found.keypoints[:4] - seen, axis=1).mean()) < DISAGREE * eye_distance(points)


def _same_place(points: np.ndarray, other: np.ndarray) -> bool:
    apart = np.linalg.norm(points[:468, :2].mean(0) - other[:468, :2].mean(0))
    return bool(apart < 0.6 * eye_distance(other))


def _covers(points: np.ndarray, place: np.ndarray) -> bool:
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    return bool(np.abs(place - (low + high) / 2).max() < 0.4 * (high - low).max())
