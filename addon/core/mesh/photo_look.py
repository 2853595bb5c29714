"""How the photo looks, so that what is drawn into it looks alike: skin and light on it, and sharpness."""

from __future__ import annotations

import cv2
import numpy as np

from .patch import Patch

CHEEKS, PHILTRUM, UNDER_LIP = (205, 425), 164, 18
CHEEK_RADIUS, LIP_RADIUS = 0.12, 0.05  # eye distances
FROM_ABOVE = 0.35
REDDER = 0.7
SIDEWAYS = 1.8  # of the light's lean for the cheeks' difference
BLUR_AGAIN = 1.0  # pixels
SHARPEST = 97, 80  # percentiles: of the edges that count, of their sharpness
LARGEST_BLUR = 4.0  # pixels of a 512-pixel crop


def cheeks(image: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> np.ndarray:
    """RGB [2,3] of the skin on the image's left and right."""
    return np.array([_colour(image, landmarks[cheek, :2], CHEEK_RADIUS * eye_distance) for cheek in CHEEKS])


def around_mouth(image: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> np.ndarray:
    """RGB [3] of the skin above and below the lips, whichever is brighter: neither painted like lips, nor bearded."""
    skin = [_colour(image, landmarks[i, :2], LIP_RADIUS * eye_distance) for i in (PHILTRUM, UNDER_LIP)]
    return max(skin, key=np.mean)


def lower_lip(image: np.ndarray, landmarks: np.ndarray, eye_distance: float) -> np.ndarray:
    """RGB [3] of the lower lip's middle."""
    return _colour(image, landmarks[[14, 17], :2].mean(0), LIP_RADIUS * eye_distance)


def _colour(image: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    x, y = centre
    patch = Patch.around(len(image), x - radius, x + radius, y - radius, y + radius)
    near = np.hypot(patch.x - x, patch.y - y) <= radius
    pixels = patch.of(image)
    return np.median(pixels[near] if near.any() else pixels.reshape(-1, 3), axis=0)


def shade_tint(skin: np.ndarray) -> np.ndarray:
    """How much of a change of light each of RGB takes [3]: skin in shade is redder, as light comes back out of it, the
    more so the more colour the photo gives it. skin [2,3] of both cheeks."""
    colour = skin.mean(0) + 1
    return 1 + REDDER * (1 - colour / colour.mean())


def light_direction(skin: np.ndarray) -> np.ndarray:
    """Unit vector [3] towards the light (x right, y down, z away) by the brighter cheek; skin [2,3] of both."""
    left, right = skin.mean(1) + 1
    lean = np.clip(SIDEWAYS * (right - left) / (right + left), -0.8, 0.8)
    light = np.array([lean, -FROM_ABOVE, -1.0])
    return light / np.linalg.norm(light)


def blur_of(image: np.ndarray, landmarks: np.ndarray) -> float:
    """How blurred the face's sharpest edges are: sigma of a Gaussian, pixels.

    An edge of blur s that is blurred again by t loses a factor of sqrt(1 + t^2 / s^2) of its slope.
    """
    size = len(image)
    low, high = np.percentile(landmarks[:, :2], (1, 99), axis=0)
    face = Patch.around(size, low[0], high[0], low[1], high[1]).of(image)
    grey = cv2.cvtColor(np.ascontiguousarray(face, np.float32), cv2.COLOR_RGB2GRAY)

    def slope(picture: np.ndarray) -> np.ndarray:
        return np.hypot(*(cv2.Sobel(picture, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0)))

    again = BLUR_AGAIN * max(size / 512, 0.5)
    once, twice = slope(grey), slope(cv2.GaussianBlur(grey, (0, 0), again))
    edges = once >= np.percentile(once, SHARPEST[0])
    ratio = np.percentile(once[edges] / np.maximum(twice[edges], 1e-3), SHARPEST[1])
    return float(min(again / np.sqrt(max(ratio**2 - 1, 1e-3)), LARGEST_BLUR * size / 512))
