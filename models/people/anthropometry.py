"""A face measured as anthropometry does, and how far people's measures may reach: what lies beyond is a caricature.

The ranges are this project's own: wide enough for what surveys of adults' faces call rare, on MediaPipe's points, which
do not lie quite where calipers are set. They are no survey's figures.
"""

from __future__ import annotations

import numpy as np

# Landmarks by their names in anthropometry.
NASION, SUBNASALE, STOMION, GNATHION = 168, 2, 13, 152
ZYGIA, GONIA, ALARIA, CHEILIA = (234, 454), (172, 397), (129, 358), (61, 291)
ENDOCANTHIA, EXOCANTHIA = (133, 362), (33, 263)
LIPS = (0, 17)  # outer edges in the middle
INNER_LIPS = (13, 14)
POGONION = 199
LIDS = ((159, 145), (386, 374))
BROWS = ((52, 159), (282, 386))  # a brow's lower edge, the lid below it

RANGES = {
    "face's height of its width": (0.69, 1.00),
    "jaw's width of the face's": (0.66, 0.96),
    "height below the mouth of the face's": (0.34, 0.50),
    "nose's height of the face's": (0.36, 0.52),
    "nose's width of its height": (0.50, 1.04),
    "nose's width of the face's": (0.20, 0.36),
    "mouth's width of the face's": (0.29, 0.48),
    "lips' height of the mouth's width": (0.16, 0.53),
    "mouth's corners above its middle, of its width": (-0.10, 0.08),
    "lower lip's height of the upper's": (0.75, 2.4),
    "skin above the lips of the face's height": (0.07, 0.19),
    "upper lip before nose and chin, of the face's height": (-0.03, 0.065),
    "lower lip before nose and chin, of the face's height": (-0.035, 0.07),
    "between the eyes of their outer corners' distance": (0.29, 0.46),
    "outer corners' distance of the face's width": (0.55, 0.72),
    "lids' opening of an eye's width": (0.19, 0.46),
    "brows above the lids of the face's height": (0.10, 0.20),
}


def measured(landmarks: np.ndarray) -> dict[str, float]:
    """The ratios of RANGES on the landmarks [468 or more,3] of a face without expression, in space: x to the person's
    left, y back, z up."""

    def far(a: int, b: int) -> float:
        return float(np.linalg.norm(landmarks[a] - landmarks[b]))

    def before(point: int) -> float:
        """How far a point of the midline stands before the line from the nose's base to the chin."""
        (y, z), (down_y, down_z) = (landmarks[i][1:] - landmarks[SUBNASALE][1:] for i in (point, POGONION))
        return float((y * down_z - z * down_y) / np.hypot(down_y, down_z))

    face, nose, wide = far(NASION, GNATHION), far(NASION, SUBNASALE), far(*ZYGIA)
    eye = np.mean([far(a, b) for a, b in zip(ENDOCANTHIA, EXOCANTHIA, strict=True)])
    values = (
        face / wide,
        far(*GONIA) / wide,
        far(STOMION, GNATHION) / face,
        nose / face,
        far(*ALARIA) / nose,
        far(*ALARIA) / wide,
        far(*CHEILIA) / wide,
        far(*LIPS) / far(*CHEILIA),
        (np.mean([landmarks[i][2] for i in CHEILIA]) - landmarks[STOMION][2]) / far(*CHEILIA),
        far(INNER_LIPS[1], LIPS[1]) / far(LIPS[0], INNER_LIPS[0]),
        far(SUBNASALE, LIPS[0]) / face,
        before(LIPS[0]) / face,
        before(LIPS[1]) / face,
        far(*ENDOCANTHIA) / far(*EXOCANTHIA),
        far(*EXOCANTHIA) / wide,
        np.mean([far(*lids) for lids in LIDS]) / eye,
        np.mean([far(*brow) for brow in BROWS]) / face,
    )
    return {name: float(value) for name, value in zip(RANGES, values, strict=True)}


def human(landmarks: np.ndarray) -> bool:
    """Are all measures of landmarks [468 or more,3] within RANGES?"""
    return all(
        low <= value <= high for value, (low, high) in zip(measured(landmarks).values(), RANGES.values(), strict=True)
    )
