"""A person's camera: how near it stands, and the crop of the reference view as a similarity in its projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from addon.core.faces.crop import face_crop

NEAR, FAR = 0.1, 8.0  # metres
DISTANCES = (0.45, 3.0)  # from an arm's length to a portrait lens
FINE = 1000.0  # pixels a unit tangent, of the picture that the crop is found in


@dataclass(frozen=True)
class Camera:
    """Looks along +y at the origin (between the eyes) from `distance` metres. matrix float64 [2,3] takes (x/z, y/z, 1)
    of the camera's frame (x right, y down, z away) to pixels of a crop `size` wide (pixel centres at whole numbers)."""

    distance: float
    matrix: np.ndarray
    size: int

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points [...,3] -> float64 [...,3]: pixel x, y, and distance along the optical axis in metres."""
        away = points[..., 1] + self.distance
        plane = np.stack([points[..., 0], -points[..., 2]], -1) / away[..., None]
        return np.concatenate([plane @ self.matrix[:, :2].T + self.matrix[:, 2], away[..., None]], -1)

    def unproject(self, pixels: np.ndarray, away: np.ndarray) -> np.ndarray:
        """Pixels [...,2] at distances [...] along the optical axis -> points float64 [...,3]."""
        plane = (pixels - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T * away[..., None]
        return np.stack([plane[..., 0], away - self.distance, -plane[..., 1]], -1)

    @property
    def focal(self) -> float:
        """Pixels a unit tangent."""
        return float(np.hypot(*self.matrix[:, 0]))

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """Landmarks [478,3] in space -> float32 [478,3] crop pixels; z in pixels of the face's distance, smaller
        nearer, 0 on average."""
        out = self.project(points)
        middle = out[:468, 2].mean()
        out[:, 2] = (out[:, 2] - middle) * self.focal / middle
        return out.astype(np.float32)

    def clip(self) -> np.ndarray:
        """float32 [4,4]: a point (x,y,z,1) -> OpenGL's clip space, the crop's first row on top."""
        (a, b, tx), (c, d, ty) = self.matrix
        s = 2 / self.size
        view = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, self.distance], [0, 0, 0, 1.0]])
        lens = np.array(
            [
                [s * a, s * b, s * (tx + 0.5) - 1, 0],
                [-s * c, -s * d, 1 - s * (ty + 0.5), 0],
                [0, 0, (FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)],
                [0, 0, 1, 0],
            ]
        )
        return (lens @ view).astype(np.float32)

    def numbers(self) -> np.ndarray:
        """float32 [7]: distance, then the matrix row by row."""
        return np.concatenate([[self.distance], self.matrix.ravel()]).astype(np.float32)


def draw_distance(rng: np.random.Generator) -> float:
    """Metres; evenly spread in perspective, not in metres."""
    near, far = DISTANCES
    return float(1 / rng.uniform(1 / far, 1 / near))


def camera_on(landmarks: np.ndarray, distance: float, size: int, side: float, shift: float) -> Camera:
    """The camera whose picture is the face crop of landmarks [478,3] in space: `side` face heights wide, its centre
    `shift` of them above the face's middle."""
    wide = Camera(distance, np.array([[FINE, 0, 0], [0, FINE, 0.0]]), size)
    crop = face_crop(wide.project(landmarks)[:, :2], size, side, shift)
    matrix = crop.matrix.copy()
    matrix[:, :2] *= FINE
    return Camera(distance, matrix, size)
