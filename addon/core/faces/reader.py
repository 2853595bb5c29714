"""From a photo to its faces: detect, fit, check, read."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FaceError
from .detect import Detection, detect
from .expression import read_blendshapes
from .landmarks import fit, region_of
from .matte import person_matte
from .models import FaceModels
from .photo import Photo
from .picture import Picture
from .pose import HeadPose
from .topology import EYE_LEFT, EYE_RIGHT, NOSE_TIP, eye_distance
from .trust import GOOD, PRESENT, CheckedFit, check, fit_any_turn

TRIED = 24  # detections a search step
SMALLEST_EYES, SMALL_EYES = 8.0, 20.0  # eye distance, pixels: refused below the first, a warning below the second
SMALL_IN_TILE = 0.15  # a face smaller than this part of the tile may have neighbours that only smaller tiles show
LEVELS = 4
NEARLY = 6.0  # spread, %, of an upright fit that no turned one may contradict
UNSURE = 8.0  # spread, % of the eye distance, of a face that is known to be there
TURNS = ((0, 90), (0, 270), (0, 180), (1, 90), (1, 270), (1, 180))  # (level, degrees), where nothing stands upright


@dataclass(frozen=True)
class Face:
    """One face of a photo, in the photo's pixels (pixel centres at whole numbers).

    landmarks float32 [478,3]: x, y, and z in the same unit, smaller is nearer; box (x0, y0, x1, y1) around them;
    presence 0..1 and spread (% of the eye distance) of the fit; blendshapes: 52 ARKit coefficients by name; pose
    float32 [3]: pitch, yaw, roll in radians; warning: what to doubt, or None.
    """

    landmarks: np.ndarray
    box: tuple[float, float, float, float]
    presence: float
    spread: float
    blendshapes: dict[str, float]
    pose: np.ndarray
    warning: str | None

    @property
    def eye_distance(self) -> float:
        return eye_distance(self.landmarks)


class FaceReader:
    """Reads faces on the CPU; loads each model when it is first needed; safe to use from several threads."""

    def __init__(self, folder: Path | None = None, threads: int | None = None):
        """folder: where the face models are (default: those shipped); threads: of each model (default: all cores).
        Raises PackError where the models are missing or altered, at the latest when they are first used."""
        self.models = FaceModels(folder, threads)
        self._head_pose: HeadPose | None = None
        self._lock = threading.Lock()

    @property
    def head_pose(self) -> HeadPose:
        with self._lock:
            if self._head_pose is None:
                self._head_pose = HeadPose(**self.models.arrays("canonical_face.npz"))
            return self._head_pose

    def faces(self, pixels: np.ndarray) -> list[Face]:
        """Every face of uint8 [H,W,3] whose fit is trusted, largest first; [] where there is none."""
        picture = Picture(pixels)
        trusted, _ = self._search(picture)
        return [self._read(picture, fit) for fit in trusted]

    def face(
        self,
        photo: Photo,
        index: int | None = None,
        box: tuple[float, float, float, float] | None = None,
    ) -> Face:
        """The face to animate: the largest, the one of `index` (0 is the largest), or the one nearest to the middle of
        `box` (photo pixels). Raises FaceError: no face, no trusted fit, index out of range, nothing in the box, too
        small."""
        picture = Picture(photo.pixels)
        trusted, doubted = self._search(picture)
        if not trusted:
            raise FaceError(_why_none(photo, doubted))
        if box is not None:
            chosen = _in_box(photo, trusted, box)
        else:
            number = 0 if index is None else index
            if not 0 <= number < len(trusted):
                found = "one face" if len(trusted) == 1 else f"{len(trusted)} faces"
                raise FaceError(f"{photo.path} has no face {number + 1}, it has {found}, the largest is 1.")
            chosen = trusted[number]
        if eye_distance(chosen.points) < SMALLEST_EYES:
            raise FaceError(
                f"{photo.path}: the face is too small ({eye_distance(chosen.points):.0f} pixels from eye to eye, at "
                f"least {SMALLEST_EYES:.0f} needed); use a larger photo or a closer one."
            )
        return self._read(picture, chosen)

    def near(self, pixels: np.ndarray, landmarks: np.ndarray) -> Face:
        """The face of uint8 [H,W,3] that is known to be about where these landmarks [478,2+] are, however unsure its
        own are. Raises FaceError where there is none."""
        picture = Picture(pixels)
        found = check(self.models, picture, fit(self.models, picture, region_of(landmarks)))
        if found.presence < PRESENT or found.spread > UNSURE:
            raise FaceError("There is no face where one should be.")
        return self._read(picture, found)

    def matte(self, pixels: np.ndarray) -> np.ndarray:
        """float32 [H,W], 0..1: how much of each pixel of uint8 [H,W,3] is the person."""
        return person_matte(self.models, pixels)

    def _search(self, picture: Picture) -> tuple[list[CheckedFit], list[CheckedFit]]:
        """(trusted fits, largest first; those that did not hold). Smaller tiles are looked at while nothing is found or
        the smallest find is small for its tile; turned frames where nothing is found at all."""
        trusted: list[CheckedFit] = []
        doubted: list[CheckedFit] = []
        longest = max(picture.height, picture.width)
        for level in range(LEVELS):
            self._try(picture, detect(self.models, picture, level), trusted, doubted)
            smallest = min((_extent(fit) for fit in trusted), default=0.0)
            if smallest > SMALL_IN_TILE * longest / 2**level:
                break
        for level, degrees in TURNS:
            if trusted:
                break
            self._try(picture, detect(self.models, picture, level, degrees), trusted, doubted)
            trusted = [fit for fit in trusted if not any(_overturned(fit, other) for other in doubted)]
        return sorted(trusted, key=lambda fit: -eye_distance(fit.points)), doubted

    def _try(self, picture: Picture, found: list[Detection], trusted: list[CheckedFit], doubted: list[CheckedFit]):
        for detection in found[:TRIED]:
            if any(_covers(fit, detection.centre) for fit in trusted):
                continue
            fit = fit_any_turn(self.models, picture, detection.region)
            if not fit.trusted:
                doubted.append(fit)
            elif not any(_same(fit, other) for other in trusted):
                trusted.append(fit)

    def _read(self, picture: Picture, fit: CheckedFit) -> Face:
        low, high = fit.points[:, :2].min(0), fit.points[:, :2].max(0)
        return Face(
            landmarks=fit.points.astype(np.float32),
            box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            presence=fit.presence,
            spread=fit.spread,
            blendshapes=read_blendshapes(self.models, picture, fit.points),
            pose=self.head_pose(fit.points),
            warning=_warning(fit),
        )


def _extent(fit: CheckedFit) -> float:
    return float(np.ptp(fit.points[:, :2], axis=0).max())


def _covers(fit: CheckedFit, place: np.ndarray) -> bool:
    middle = (fit.points[:, :2].min(0) + fit.points[:, :2].max(0)) / 2
    return bool(np.abs(place - middle).max() < 0.4 * _extent(fit))


def _same(fit: CheckedFit, other: CheckedFit) -> bool:
    apart = np.linalg.norm(fit.points[NOSE_TIP, :2] - other.points[NOSE_TIP, :2])
    return bool(apart < 0.5 * eye_distance(other.points))


def _overturned(fit: CheckedFit, upright: CheckedFit) -> bool:
    """Whether a fit found in a turned frame reads a face the other way up that was all but trusted."""
    across, other = (f.points[EYE_LEFT[1], :2] - f.points[EYE_RIGHT[0], :2] for f in (fit, upright))
    nearly = upright.presence >= PRESENT and upright.spread <= NEARLY
    return bool(nearly and _covers(upright, fit.points[NOSE_TIP, :2]) and across @ other < 0)


def _warning(fit: CheckedFit) -> str | None:
    if fit.spread > GOOD:
        return f"the landmarks are unsure (they move by {fit.spread:.1f} % of the eye distance): check the overlay"
    if eye_distance(fit.points) < SMALL_EYES:
        return f"the face is small ({eye_distance(fit.points):.0f} pixels from eye to eye): expect a rough result"
    return None


def _why_none(photo: Photo, doubted: list[CheckedFit]) -> str:
    if not doubted:
        return f"{photo.path}: no face was found; use a photo that shows a face from the front or half from the side."
    best = min(doubted, key=lambda fit: fit.spread)
    return (
        f"{photo.path}: what looks like a face cannot be trusted (its landmarks move by {best.spread:.0f} % of the eye "
        "distance when looked at again); use a sharper photo that shows the whole face."
    )


def _in_box(photo: Photo, trusted: list[CheckedFit], box: tuple[float, float, float, float]) -> CheckedFit:
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])

    def away(fit: CheckedFit) -> float:
        return float(np.linalg.norm((fit.points[:, :2].min(0) + fit.points[:, :2].max(0)) / 2 - middle))

    nearest = min(trusted, key=away)
    low, high = nearest.points[:, :2].min(0), nearest.points[:, :2].max(0)
    apart = high[0] < box[0] or low[0] > box[2] or high[1] < box[1] or low[1] > box[3]
    if apart:
        raise FaceError(
            f"{photo.path}: there is no face in the box ({box[0]:.0f}, {box[1]:.0f}) to ({box[2]:.0f}, {box[3]:.0f}); "
            f"move it onto one of the {len(trusted)} found."
        )
    return nearest
