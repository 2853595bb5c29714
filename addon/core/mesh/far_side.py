"""The side of a turned face that a photo does not show: its other side, mirrored, once the head looks ahead.

Two pictures of the head that looks ahead are joined: the photo's own, turned by the animator, and that of the photo in
a mirror, whose near side lies where the first one has its far side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d

from ..errors import FaceError
from ..faces.topology import CHIN, EYE_LEFT, EYE_RIGHT
from .layout import FACE_OVAL, MOUTH_CORNERS, smoothstep

# Across the face, in halves of the distance between the eyes' outer corners, 1 at the far one:
EDGE = 0.25  # what lies so near the photo's own far edge is squeezed, and gives way
INNERMOST = 0.35  # it gives way only from here on, beside the mouth from its corner on
LACKING = 0.05  # from here on, where the photo has nothing at all
HOLES = 0.2  # smaller ones are folds
OUTERMOST = 2.3  # at the eyes: what lies beyond is no head
BESIDE = 0.2  # beyond the outline from the mouth down: there it is neck and clothes, which are no mirror images
FADES = 0.25  # over which the far side ends there
OUTLINE = 0.95  # of the near outline's distance: where the far one is looked for
HAIR = 0.65  # the same where hair or a veil goes on behind the cheek, which hides a narrower one
ALONG = 0.3  # over which what the outline lacks is smoothed, up and down
LEAST = 0.3  # of the outline at its worst place: where less is missing, nothing is made up
LEVELS = 64  # places of the outline
# Where brightness and colour of the two are compared.
COMPARED = (0.55, 1.15)
UNLIKE = 0.6  # logarithm of the brightness of one over the other: here one shows hair, the other skin
LIT_ALIKE = 0.5  # of what is compared: where less is alike, one side lies in the shade
UPWARDS = 0.3  # of the eye distance: over which a comparison is smoothed
BRIGHTEST = 1.6  # times that the mirrored side is made brighter or darker at most
PERSON, PERSON_FADES = 0.5, 0.4  # of a matte: where the person ends, over how much of it
FADES_IN = 0.15  # of the frame across the face
DARK = 8  # grey levels, added where brightness is compared, so that black is not infinitely dark
GRID = 33  # nodes a side at which the two are aligned
LANDMARKS = slice(0, 468, 3)  # that align them
SMOOTHING = 0.5


@dataclass(frozen=True, eq=False)
class Looking:
    """A picture in which a head looks ahead: uint8 [S,S,3], its landmarks float [478,2] in pixels, and matte float32
    [S,S], where it shows the person."""

    image: np.ndarray
    points: np.ndarray
    matte: np.ndarray


@dataclass(frozen=True, eq=False)
class Across:
    """A frame across a face that looks ahead: its origin between the eyes' outer corners, `half` of their distance as
    its unit, `side` towards the photo's far side, `down` towards the chin."""

    between: np.ndarray
    half: float
    side: np.ndarray
    down: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, to_right: bool) -> Across:
        right, left, chin = (points[i] for i in (EYE_RIGHT[0], EYE_LEFT[1], CHIN))
        between, half = (left + right) / 2, float(np.linalg.norm(left - right) / 2)
        side = (left - right) / (2 * half) * (1 if to_right else -1)
        return cls(between, half, side, (chin - between) / np.linalg.norm(chin - between))

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [...,2] -> how far towards the far side, and how far below the eyes."""
        return (points - self.between) @ self.side / self.half, (points - self.between) @ self.down / self.half

    def pixel(self, place: np.ndarray, height: np.ndarray) -> np.ndarray:
        """The way back: numbers of one shape [...] -> pixels [...,2]."""
        return self.between + self.half * (place[..., None] * self.side + height[..., None] * self.down)


def lacks_a_side(frontal: Looking, held: np.ndarray, to_right: bool) -> bool:
    """Whether a face that looks ahead shows background where its far cheek should be, or much of what lies beside the
    face. held float32 [S,S]: where it shows what the photo holds of the face; to_right: whether the far cheek is at the
    picture's right."""
    across = Across.of(frontal.points, to_right)
    height, place = _near_outline(across, frontal.points)
    levels = np.linspace(height[0], height[-1], LEVELS)
    outline = np.interp(levels, height, place)
    shown = []
    for picture, share in ((frontal.matte, OUTLINE), (held, HAIR)):
        at = across.pixel(share * outline, levels).astype(np.float32)[None]
        shown.append(cv2.remap(picture, at, None, cv2.INTER_LINEAR)[0])
    shown = np.where(levels < 0, shown[0], np.minimum(*shown))  # above the eyes hair covers many a face
    missing = gaussian_filter1d(1 - shown, ALONG / (levels[1] - levels[0]), mode="nearest")
    return bool(missing.max() > LEAST)


def _near_outline(across: Across, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outline of the near side, mirrored: heights, rising down to the chin, and places. Raises FaceError."""
    place, height = across(points[list(FACE_OVAL)])
    near = (place < 0) & (height <= across(points[CHIN])[1])
    order = np.argsort(height[near])
    if len(order) < 2 or height[near][order[-1]] <= height[near][order[0]]:
        raise FaceError("These landmarks form no face.")
    return height[near][order], -place[near][order]


def completed(
    frontal: Looking, face: np.ndarray, held: np.ndarray, mirrored: Looking, to_right: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Joins two pictures of a head that looks ahead: the whole face, uint8 [S,S,3], and the share of the mirrored one
    in it, float32 [S,S] in 0..1. face float32 [S,S]: where the first shows any of the photo's face; held, to_right: see
    `lacks_a_side`. None where light falls on one side alone: drawn out, the other looks more like
    itself. Raises FaceError where the two cannot be aligned."""
    size = len(frontal.image)
    at = aligned(frontal.points, mirrored.points, size)
    image = cv2.remap(mirrored.image, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    matte = cv2.remap(mirrored.matte, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    across = Across.of(frontal.points, to_right)
    place, height = across(pixels(size))
    corner, mouth = (values.max() for values in across(frontal.points[list(MOUTH_CORNERS)]))
    heights, outline = _near_outline(across, frontal.points)
    jaw = BESIDE + np.interp(height, heights, outline)
    beside_mouth = BESIDE + np.interp(mouth, heights, outline)
    outermost = np.where(height < mouth, np.interp(height, (0, mouth), (OUTERMOST, beside_mouth)), jaw)
    within = (
        smoothstep((np.interp(height, heights, outline) - place) / FADES + 0.5)
        * (height > heights[0])
        * (height < heights[-1])
    )

    def person_of(shown: np.ndarray) -> np.ndarray:
        return np.minimum(frontal.matte, 1 - within * (1 - shown)).astype(np.float32)

    def without_edge(own: np.ndarray) -> np.ndarray:
        own = cv2.erode(own, np.ones((1, 2 * int(EDGE * across.half) + 1), np.uint8))
        return cv2.GaussianBlur(own, (0, 0), EDGE * across.half / 2)

    both = (_person(matte) == 1) & (_person(without_edge(person_of(face))) == 1)
    compared = both & (place > COMPARED[0]) & (place < COMPARED[1])
    alike = np.abs(np.log((frontal.image.mean(2) + DARK) / (image.mean(2) + DARK))) < UNLIKE
    if compared.any() and alike[compared].mean() < LIT_ALIKE:
        if not lacks_a_side(frontal, face, to_right):
            return None
        held = face
    compared &= alike

    own = person_of(held)
    lacking = cv2.morphologyEx(person_of(face), cv2.MORPH_CLOSE, np.ones((int(HOLES * across.half),) * 2, np.uint8))
    lacking = 1 - _person(cv2.GaussianBlur(lacking, (0, 0), EDGE * across.half / 4))
    share = _person(matte) * (1 - _person(without_edge(own)))
    beyond = place - np.interp(height, (0, mouth), (INNERMOST, corner))
    lacking *= smoothstep((place - LACKING) / FADES_IN) * (height < heights[-1])
    share *= np.maximum(smoothstep(beyond / FADES_IN), lacking)
    share *= smoothstep((outermost - place) / FADES)

    colour = _matched(frontal.image, image, compared, UPWARDS * 2 * across.half)
    image = frontal.image + share[..., None] * (colour - frontal.image)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8), share.astype(np.float32)


def aligned(points: np.ndarray, other_points: np.ndarray, size: int) -> np.ndarray:
    """float32 [S,S,2]: for each pixel of a picture with landmarks `points` [478,2] where in another one, with
    `other_points`, the same lies. Raises FaceError for landmarks on one line."""
    nodes = pixels(GRID).reshape(-1, 2) * (size / GRID) + (size / GRID - 1) / 2  # the middles of so many cells
    away = other_points[LANDMARKS] - points[LANDMARKS]
    try:
        spread = RBFInterpolator(points[LANDMARKS] / size, away / size, kernel="linear", smoothing=SMOOTHING, degree=1)
    except np.linalg.LinAlgError as problem:
        raise FaceError("These landmarks form no face.") from problem
    beside = (size * spread(nodes / size)).reshape(GRID, GRID, 2).astype(np.float32)
    return pixels(size) + cv2.resize(beside, (size, size), interpolation=cv2.INTER_LINEAR)


def pixels(size: int) -> np.ndarray:
    """float32 [S,S,2]: the x and y of each pixel."""
    line = np.arange(size, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), 2)


def _matched(frontal: np.ndarray, mirrored: np.ndarray, compared: np.ndarray, sigma: float) -> np.ndarray:
    """float [S,S,3]: the mirrored picture in the light of the other, row by row as it is where both are `compared`;
    sigma: pixels up and down over which rows are meant."""
    weight = compared.astype(np.float32)
    ours, theirs = ((picture * weight[..., None]).sum(1, keepdims=True) for picture in (frontal, mirrored))
    count = weight.sum(1)[:, None, None]
    rows = np.concatenate([ours, theirs, count], 2).astype(np.float32)
    rows = cv2.GaussianBlur(rows, (0, 0), sigmaX=1e-3, sigmaY=sigma)
    ratio = (rows[..., :3] + DARK * rows[..., 6:] + 1e-3) / (rows[..., 3:6] + DARK * rows[..., 6:] + 1e-3)
    return mirrored * np.clip(ratio, 1 / BRIGHTEST, BRIGHTEST)


def _person(matte: np.ndarray) -> np.ndarray:
    return smoothstep((matte - PERSON) / PERSON_FADES + 0.5)
