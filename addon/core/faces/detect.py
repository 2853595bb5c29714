"""Where faces may be: MediaPipe's two detectors over the picture, over tiles of it and over turned frames.

Both fire on upside-down faces too, and now and then on no face at all: what they find is a place to fit landmarks,
never yet a face.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi, radians

import cv2
import numpy as np

from .models import FaceModels
from .picture import Picture, Region, transform

KEYPOINTS = 6  # the person's right eye, left eye, nose tip, mouth, right and left tragion
REGION_SCALE = 1.5  # side of the landmark model's crop, in detection boxes
JOINED = 0.3  # overlap (IoU) from which two boxes are one face
BATCH = 8
SMALLEST_TILE = 160  # pixels


@dataclass(frozen=True)
class Detector:
    file: str
    side: int  # input, pixels
    layers: tuple[tuple[int, int], ...]  # (cells a side, anchors a cell)
    threshold: float

    def anchors(self) -> np.ndarray:
        """Centres [A,2], 0..1 of the frame."""
        rows = []
        for cells, count in self.layers:
            y, x = np.mgrid[:cells, :cells]
            rows.append(np.repeat((np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells, count, axis=0))
        return np.concatenate(rows).astype(np.float32)


SHORT = Detector("face_short.onnx", 128, ((16, 2), (8, 6)), 0.5)
FULL = Detector("face_full.onnx", 192, ((48, 1),), 0.6)
ANCHORS = {detector.file: detector.anchors() for detector in (SHORT, FULL)}


@dataclass(frozen=True)
class Detection:
    """centre [2], side and keypoints [6,2] in the picture's pixels."""

    score: float
    centre: np.ndarray
    side: float
    keypoints: np.ndarray

    @property
    def box(self) -> np.ndarray:
        return np.concatenate([self.centre - self.side / 2, self.centre + self.side / 2])

    @property
    def region(self) -> Region:
        """The square to fit landmarks in, turned by the eye line."""
        across = self.keypoints[1] - self.keypoints[0]
        angle = float(np.arctan2(across[1], across[0]))
        return Region(float(self.centre[0]), float(self.centre[1]), REGION_SCALE * self.side, angle)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of box [4] with boxes [N,4]."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / (area - shared + 1e-9)


def merge(rows: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Weighted non-maximum suppression: each group around a best box becomes its score-weighted mean row."""
    left, merged = np.argsort(-scores), []
    while len(left):
        near = overlap(rows[left[0], :4], rows[left, :4]) > JOINED
        near[0] = True
        group = left[near]
        merged.append((np.average(rows[group], axis=0, weights=scores[group]), float(scores[group[0]])))
        left = left[~near]
    return merged


def detect_in(models: FaceModels, picture: Picture, regions: list[Region], detector: Detector) -> list[Detection]:
    """Faces in each of several square regions."""
    found = []
    anchors = ANCHORS[detector.file]
    for start in range(0, len(regions), BATCH):
        part = regions[start : start + BATCH]
        batch = np.stack([picture.crop(region, detector.side, cv2.BORDER_CONSTANT) for region in part])
        boxes, logits = models.run(detector.file, image=batch)
        scores = 1 / (1 + np.exp(-np.clip(logits[..., 0], -80, 80)))
        for region, raw, score in zip(part, boxes, scores, strict=True):
            keep = score > detector.threshold
            if not keep.any():
                continue
            values, origin = raw[keep] / detector.side, anchors[keep]
            centre, size = values[:, :2] + origin, values[:, 2:4]
            keys = (values[:, 4:].reshape(-1, KEYPOINTS, 2) + origin[:, None]).reshape(-1, 2 * KEYPOINTS)
            rows = np.concatenate([centre - size / 2, centre + size / 2, keys], axis=1)
            to_picture = region.to_picture(detector.side)
            for row, best in merge(rows, score[keep]):
                # 0..1 of the frame runs from edge to edge, pixel centres from .5 to side - .5
                places = transform(to_picture, row.reshape(-1, 2) * detector.side - 0.5)
                side = float((row[2:4] - row[:2]).max()) * region.side
                found.append(Detection(best, places[:2].mean(0), side, places[2:]))
    return found


def distinct(found: list[Detection]) -> list[Detection]:
    """One detection a face, best score first."""
    left, kept = sorted(found, key=lambda d: -d.score), []
    while left:
        best = left.pop(0)
        kept.append(best)
        shared = overlap(best.box, np.array([d.box for d in left]).reshape(-1, 4))
        apart = [np.abs(d.centre - best.centre).max() >= 0.35 * best.side for d in left]
        left = [d for d, area, away in zip(left, shared, apart, strict=True) if area <= JOINED and away]
    return kept


def frames(picture: Picture, level: int, angle: float) -> list[Region]:
    """The whole picture as a square (level 0), or overlapping tiles of 1 / 2^level of its long side; radians."""
    side = max(picture.height, picture.width) / 2**level
    if level and side < SMALLEST_TILE:
        return []

    def middles(length: int) -> np.ndarray:
        if length <= side:
            return np.array([(length - 1) / 2])
        return np.linspace(side / 2, length - side / 2, ceil((length - side) / (side * 0.6)) + 1) - 0.5

    return [Region(float(x), float(y), side, angle) for y in middles(picture.height) for x in middles(picture.width)]


def detect(models: FaceModels, picture: Picture, level: int, degrees: float = 0) -> list[Detection]:
    """Both detectors on the whole picture; on tiles only the full-range one, which sees the smaller faces."""
    regions = frames(picture, level, radians(degrees) % (2 * pi))
    found = detect_in(models, picture, regions, FULL)
    if level == 0:
        found += detect_in(models, picture, regions, SHORT)
    return distinct(found)
