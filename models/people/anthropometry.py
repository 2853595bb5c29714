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
LIDS = ((159, 145), (386, 374))

RANGES = {
    "face's height of its width": (0.70, 1.05),
    "jaw's width of the face's": (0.66, 0.96),
    "height below the mouth of the face's": (0.32, 0.52),
    "nose's height of the face's": (0.34, 0.54),
    "nose's width of its height": (0.45, 1.02),
    "nose's width of the face's": (0.18, 0.36),
    "mouth's width of the face's": (0.28, 0.50),
    "lips' height of the mouth's width": (0.14, 0.62),
    "between the eyes of their outer corners' distance": (0.28, 0.46),
    "outer corners' distance of the face's width": (0.54, 0.76),
    "lids' opening of an eye's width": (0.19, 0.48),
}


def measured(landmarks: np.ndarray) -> dict[str, float]:
    """The ratios of RANGES on the landmarks [468 or more,3] of a face without expression, in space."""

    def far(a: int, b: int) -> float:
        return float(np.linalg.norm(landmarks[a] - landmarks[b]))

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
        far(*ENDOCANTHIA) / far(*EXOCANTHIA),
        far(*EXOCANTHIA) / wide,
        np.mean([far(*lids) for lids in LIDS]) / eye,
    )
    return {name: float(value) for name, value in zip(RANGES, values, strict=True)}


def human(landmarks: np.ndarray) -> bool:
    """Are all measures of landmarks [468 or more,3] within RANGES?"""
    return all(
        low <= value <= high for value, (low, high) in zip(measured(landmarks).values(), RANGES.values(), strict=True)
    )
