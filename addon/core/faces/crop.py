"""The square that a generator sees: cut out upright at the face's own size, and pasted back where it came from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .picture import transform
from .topology import CHIN, FOREHEAD, eye_middles

SAME, FADED = 1.0, 8.0  # grey levels between the image and the cut crop: the photo's detail stays, is gone
SOFT = 0.03  # of the side: how far from the photo's border its streaks have dissolved
FACE_HEIGHT = 1.62  # eye distances; a face foreshortened by pitch counts at least as this high


@dataclass(frozen=True)
class Crop:
    """matrix float64 [2,3]: photo pixel -> crop pixel, a similarity (pixel centres at whole numbers); size: the crop's
    side in pixels."""

    matrix: np.ndarray
    size: int

    @property
    def scale(self) -> float:
        """Crop pixels a photo pixel."""
        return float(np.hypot(*self.matrix[:, 0]))

    @property
    def angle(self) -> float:
        """Radians by which the crop is turned against the photo, clockwise in the picture."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Landmarks [K,2] or [K,3] of the photo in crop pixels; z is scaled along."""
        points = np.asarray(points, np.float64)
        return np.concatenate([transform(self.matrix, points[:, :2]), points[:, 2:] * self.scale], axis=1)

    @property
    def to_photo(self) -> np.ndarray:
        """float64 [2,3]: crop pixel -> photo pixel."""
        return cv2.invertAffineTransform(self.matrix)


def face_crop(
    landmarks: np.ndarray,
    size: int | None = None,
    side: float = 2.25,
    shift: float = 0.04,
    limits: tuple[int, int] = (256, 2048),
) -> Crop:
    """The crop around a face: upright by the eye line, `side` face heights wide (forehead to chin), its centre `shift`
    face heights above the face's middle. size None: what the face has in the photo, even and within `limits`."""
    points = np.asarray(landmarks, np.float64)[:, :2]
    right, left = eye_middles(points)
    across, down = left - right, points[CHIN] - points[FOREHEAD]
    angle = np.arctan2(across[1], across[0])
    upright = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    height = max(abs(float((upright @ down)[1])), FACE_HEIGHT * float(np.linalg.norm(across)))
    centre = (points[FOREHEAD] + points[CHIN]) / 2 - upright.T @ [0, shift * height]
    if size is None:
        size = int(np.clip(2 * round(side * height / 2), *limits))
    linear = upright * (size / (side * height))
    return Crop(np.concatenate([linear, ((size - 1) / 2 - linear @ centre)[:, None]], axis=1), size)


def cut(pixels: np.ndarray, crop: Crop) -> np.ndarray:
    """uint8 [S,S,3] of uint8 [H,W,3]: bicubic, blurred first where it shrinks; beyond the photo's border its
    edge goes on, ever softer."""
    sigma = _blur_before(crop.scale)
    window, matrix = _window(
        pixels, crop.matrix, _corners(0, 0, crop.size, crop.size), crop.to_photo, 4 + int(4 * sigma)
    )
    part = _blurred(pixels[window], sigma)
    size = (crop.size, crop.size)
    image = cv2.warpAffine(part, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(part.shape[:2], np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    return image if inside.all() else _softened(image, inside)


def _softened(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """uint8 [S,S,3]: streaks beyond `inside` [S,S] dissolve with the distance from it."""
    reach = SOFT * len(image)
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    share = np.minimum(distance / np.float32(reach), 1)
    soft = cv2.GaussianBlur(image, (0, 0), reach, borderType=cv2.BORDER_REPLICATE)
    return cv2.blendLinear(soft, image, share, 1 - share)


def paste(pixels: np.ndarray, crop: Crop, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """uint8 [H,W,3]: the photo [H,W,3] with image [S,S,3] blended in by alpha [S,S], all uint8. Where alpha is 0, and
    outside the crop, the photo's pixels stay bit for bit; the input is not changed. See Paster."""
    return Paster(pixels, crop)(image, alpha)


class Paster:
    """Pastes many images into one photo through one crop.

    Going into the crop and back costs fine detail. Where the image still equals the cut crop (nothing moved there),
    that detail is added again, so a face at rest is the photo itself and nothing goes soft at the first touch of a
    slider; it fades out as the image departs from the cut.
    """

    def __init__(self, pixels: np.ndarray, crop: Crop):
        self.pixels, self.crop = pixels, crop
        corners = _corners(0, 0, crop.size, crop.size)
        self.window, matrix = _window(pixels, crop.matrix, corners, crop.to_photo, 2)
        self.matrix = cv2.invertAffineTransform(matrix)  # crop pixel -> pixel of the window
        self.photo = pixels[self.window]
        self.sigma = _blur_before(1 / crop.scale)
        self.at_rest = self._warp(cut(pixels, crop))
        self.detail = cv2.subtract(self.photo, self.at_rest, dtype=cv2.CV_16S)

    def __call__(self, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        out = self.pixels.copy()
        height, width = self.photo.shape[:2]
        weight = cv2.warpAffine(alpha, self.matrix, (width, height), flags=cv2.INTER_LINEAR)
        x, y, w, h = cv2.boundingRect(weight)
        if not w:
            return out
        used = np.s_[y : y + h, x : x + w]
        photo, weight = self.photo[used], np.ascontiguousarray(weight[used])
        warped = self._warp(image)[used]
        kept = self._unmoved(warped, self.at_rest[used])
        detailed = cv2.add(warped, self.detail[used], dtype=cv2.CV_8U)
        face = cv2.blendLinear(detailed, np.ascontiguousarray(warped), kept, 1 - kept)
        share = weight.astype(np.float32) * np.float32(1 / 255)
        blended = cv2.blendLinear(face, np.ascontiguousarray(photo), share, 1 - share)
        cv2.copyTo(blended, weight, out[self.window][used])
        return out

    def _warp(self, image: np.ndarray) -> np.ndarray:
        height, width = self.photo.shape[:2]
        image = _blurred(image, self.sigma)
        return cv2.warpAffine(
            image, self.matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )

    def _unmoved(self, warped: np.ndarray, at_rest: np.ndarray) -> np.ndarray:
        """float32 [h,w]: 1 where the image is the cut's, 0 from a mean difference of FADED grey levels on."""
        difference = cv2.transform(cv2.absdiff(warped, at_rest), np.full((1, 3), 1 / 3, np.float32))
        difference = cv2.blur(difference, (5, 5))
        steps = np.clip((FADED - np.arange(256, dtype=np.float32)) / (FADED - SAME), 0, 1)
        return cv2.LUT(difference, steps)


def _blur_before(scale: float) -> float:
    """Sigma in source pixels of the blur that a shrink by `scale` < 1 needs against aliasing; 0 for none."""
    return 0.5 * float(np.sqrt(max(1 / scale**2 - 1, 0)))


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101) if sigma > 0.25 else image


def _corners(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[x, y] for x in (left - 1.0, right) for y in (top - 1.0, bottom)])


def _window(pixels, matrix, corners, to_photo, margin: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """The photo's part under the crop's corners, at least one pixel, and the matrix photo -> crop from that part on."""
    height, width = pixels.shape[:2]
    places = transform(to_photo, corners)
    low = np.clip(np.floor(places.min(0)).astype(int) - margin, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(places.max(0)).astype(int) + margin + 1, low + 1, [width, height])
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ low
    return np.s_[low[1] : high[1], low[0] : high[0]], moved
