"""A turned sitter who looks ahead: what the photo does not show of the far side comes from the near one, mirrored.

Beside the photo's own state the default generator has a second one, of a picture that it makes itself: the whole face,
looking ahead. A head that turns away from the photo's pose goes over from the one to the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .attributes import INDEX
from .errors import FaceError
from .faces import Crop, Face, FaceReader, Photo, cut
from .faces.pose import angles, rotation
from .faces.topology import MIRROR
from .mesh import HeadBasis, encode
from .mesh.far_side import Looking, aligned, completed, lacks_a_side, pixels
from .mesh.layout import FACE_OVAL, smoothstep

YAW, GAZE_YAW = INDEX["pose_yaw"], INDEX["gaze_yaw"]
MIRRORED = [INDEX[name] for name in ("pose_yaw", "pose_roll", "gaze_yaw")]  # whose sign a mirror turns round
TURNED = 0.25  # radians of yaw from which on a sitter counts as turned
TILTED = 0.5  # radians that a crop is turned: yaw in the photo is then no yaw across the face
STRETCHED = 0.3, 0.5  # how far a rim is drawn out, 0..1: from where to where the photo does not hold it
RIM = 0.06, 0.2  # of the crop's side: from where to where inside its edge pictures may move to meet
BEGINS, MIDDLE, WHOLE = 0.3, 0.5, 0.8  # of the way from the photo's yaw to 0: where the second state takes over

Animate = Callable[[dict[str, np.ndarray], np.ndarray], list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class Ahead:
    """state: the animator's inputs of the head that looks ahead; alpha and synthetic uint8 [S,S]: what of its picture
    replaces the photo, and how far it is not the photo's own; away float32 [S,S,2]: in the MIDDLE of the way, how many
    pixels (x, y) beside the place of what the photo's own state shows the second one shows the same."""

    state: dict[str, np.ndarray]
    alpha: np.ndarray
    synthetic: np.ndarray
    away: np.ndarray


def shares(own: np.ndarray, targets: np.ndarray, crop_angle: float) -> np.ndarray:
    """How far the second state takes over, float32 [B] in 0..1: own float32 [A], the photo's vector, targets [B,A];
    crop_angle: radians that the crop is turned by."""
    if abs(own[YAW]) < TURNED or abs(crop_angle) > TILTED:
        return np.zeros(len(targets), np.float32)
    return smoothstep((way_of(own, targets) - BEGINS) / (WHOLE - BEGINS)).astype(np.float32)


def way_of(own: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """float32 [B]: 0 at the photo's own yaw, 1 where a head looks ahead."""
    return 1 - targets[..., YAW] / own[YAW]


def look_ahead(
    photo: Photo,
    face: Face,
    crop: Crop,
    state: dict[str, np.ndarray],
    vector: np.ndarray,
    basis: HeadBasis,
    reader: FaceReader,
    animate: Animate,
) -> Ahead | None:
    """The second state of an encoded photo, given its first one and its vector float32 [A]; takes seconds. animate runs
    the animator's graph on a state and vectors [1,A] and gives image uint8 [1,S,S,3], alpha and synthetic uint8
    [1,S,S].

    None where nothing of the far side is missing, light falls on one side alone, or a head that looks ahead cannot be
    read: then the first state has to do. Raises what `animate` and the reader's models raise."""
    ahead, to_right = _straight(vector, 0), vector[YAW] < 0
    image, alpha, synthetic = (part[0] for part in animate(state, ahead[None]))
    landmarks = crop.to_crop(face.landmarks)
    mirror = np.where(np.isin(np.arange(len(vector)), MIRRORED), -1, 1).astype(np.float32)
    mirrored_landmarks = landmarks[MIRROR] * [-1, 1, 1] + [crop.size - 1, 0, 0]

    def looking(image: np.ndarray, near: np.ndarray) -> Looking:
        return Looking(image, reader.near(image, near).landmarks[:, :2].astype(float), reader.matte(image))

    try:
        frontal, (shown, held) = looking(image, landmarks), _shown_face(state, landmarks, animate, ahead)
        if not lacks_a_side(frontal, held, to_right):
            return None
        mirrored = np.ascontiguousarray(cut(photo.pixels, crop)[:, ::-1])
        other = encode(mirrored, mirrored_landmarks, face.blendshapes, basis, mirror * vector, None, -crop.angle)
        other_image = animate(other.state, (mirror * ahead)[None])[0][0]
        joint = completed(frontal, shown, held, looking(other_image, mirrored_landmarks), to_right)
        if joint is None:
            return None
        whole, share = joint
        seen = reader.near(whole, frontal.points)  # with both its sides it seems turned a little further
        ahead = _straight(vector, angles(rotation([0, 0, -crop.angle]) @ rotation(seen.pose))[1])
        second = encode(whole, seen.landmarks, seen.blendshapes, basis, ahead, None, crop.angle).state
        between = _turned(vector, (1 - MIDDLE) * vector[YAW])[None]
        both = [reader.near(animate(s, between)[0][0], frontal.points) for s in (state, second)]
        places = aligned(*(face.landmarks[:, :2].astype(float) for face in both), crop.size)
    except FaceError:
        return None
    share = (share * 255 + 0.5).astype(np.uint8)
    away = (places - pixels(crop.size)) * _inside(crop.size)[..., None]
    return Ahead(second, np.maximum(alpha, share), np.maximum(synthetic, share), away)


def _shown_face(state: dict[str, np.ndarray], landmarks: np.ndarray, animate: Animate, target: np.ndarray):
    """float32 [S,S] in 0..1, twice: where the first state's picture for a target [A] shows what is face in the photo,
    and not the hair or background beside it; and the same without the rim that is drawn out there. landmarks [478,2+]:
    the photo's, in the crop."""
    size = state["photo"].shape[-1]
    face = np.zeros((size, size), np.float32)
    outline = cv2.convexHull(landmarks[list(FACE_OVAL), :2].astype(np.float32))
    cv2.fillConvexPoly(face, np.rint(outline).astype(np.int32), 1.0)
    drawn = np.repeat(face[None, None], 3, axis=1)
    marked = state | {"photo": drawn} | {name: np.zeros_like(state[name]) for name in ("creases", "shading")}
    marked |= {name: np.concatenate([drawn, state[name][:, 3:]], axis=1) for name in ("above", "below")}
    shown, _, stretched = (part[0].astype(np.float32) / 255 for part in animate(marked, target[None]))
    held = 1 - smoothstep((stretched - STRETCHED[0]) / (STRETCHED[1] - STRETCHED[0]))
    return shown[..., 0], (shown[..., 0] * held).astype(np.float32)


def joined(own: list[np.ndarray] | None, other: list[np.ndarray], ahead: Ahead, share: float, way: float):
    """A frame of the photo's own state (None where it has no share) and one of the second, with the second's share
    above 0 and the `way` of the target: image uint8 [S,S,3], alpha and synthetic uint8 [S,S]. Both move to where they
    meet, by their shares, so that no face is seen twice."""
    image, alpha, synthetic = other
    alpha, synthetic = np.maximum(alpha, ahead.alpha), np.maximum(synthetic, ahead.synthetic)
    if own is None:
        return [image, alpha, synthetic]
    places, away = pixels(len(image)), (1 - way) / (1 - MIDDLE) * ahead.away
    ours = [_fetched(part, places - share * away) for part in own]
    theirs = [_fetched(part, places + (1 - share) * away) for part in (image, alpha, synthetic)]
    image, synthetic = (cv2.addWeighted(ours[i], 1 - share, theirs[i], share, 0) for i in (0, 2))
    return [image, np.maximum(ours[1], theirs[1]), synthetic]


def _inside(size: int) -> np.ndarray:
    """float32 [S,S]: 0 at the crop's edge, 1 well inside."""
    line = np.arange(size, dtype=np.float32)
    line = np.clip((np.minimum(line, size - 1 - line) / size - RIM[0]) / (RIM[1] - RIM[0]), 0, 1)
    return np.minimum(line[:, None], line)


def _turned(vector: np.ndarray, yaw: float) -> np.ndarray:
    found = vector.copy()
    found[YAW] = yaw
    return found


def _straight(vector: np.ndarray, yaw: float) -> np.ndarray:
    """Eyes that look ahead look alike in a mirror."""
    found = _turned(vector, yaw)
    found[GAZE_YAW] = 0
    return found


def _fetched(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    return cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
