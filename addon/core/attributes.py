"""The attribute vector, in one order everywhere: 3 head angles, 20 FACS Action Units, 2 angles of gaze.

The first 20 are those of OpenFace and of the papers (ICface: FA = [p, a]); what tables of 17 units lack rests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi

import numpy as np


@dataclass(frozen=True)
class Attribute:
    """One value of the vector.

    `key` is the custom property's and the pack's name; `soft` and `hard` are (lowest, highest) of the property, in
    radians for angles and in full contractions for Action Units; what reaches a generator is 0..1 for units, `hard` for
    angles.
    """

    key: str
    title: str
    region: str
    description: str
    is_angle: bool = False

    @property
    def soft(self) -> tuple[float, float]:
        return (-0.6, 0.6) if self.is_angle else (0.0, 1.0)

    @property
    def hard(self) -> tuple[float, float]:
        return (-pi / 2, pi / 2) if self.is_angle else (-1.0, 1.0)


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("pose_pitch", "Pitch", "Head", "Head turns down (+) or up (-)", is_angle=True),
    Attribute("pose_yaw", "Yaw", "Head", "Face turns to the picture's left (+) or right (-)", is_angle=True),
    Attribute(
        "pose_roll", "Roll", "Head", "Head tilts clockwise (+) or anticlockwise (-) in the picture", is_angle=True
    ),
    Attribute("AU01", "Inner Brow Raiser", "Brows", "AU 1: frontalis, pars medialis"),
    Attribute("AU02", "Outer Brow Raiser", "Brows", "AU 2: frontalis, pars lateralis"),
    Attribute("AU04", "Brow Lowerer", "Brows", "AU 4: corrugator supercilii, depressor supercilii"),
    Attribute("AU05", "Upper Lid Raiser", "Eyes", "AU 5: levator palpebrae superioris"),
    Attribute("AU06", "Cheek Raiser", "Eyes", "AU 6: orbicularis oculi, pars orbitalis"),
    Attribute("AU07", "Lid Tightener", "Eyes", "AU 7: orbicularis oculi, pars palpebralis"),
    Attribute("AU09", "Nose Wrinkler", "Nose", "AU 9: levator labii superioris alaeque nasi"),
    Attribute("AU10", "Upper Lip Raiser", "Mouth", "AU 10: levator labii superioris"),
    Attribute("AU12", "Lip Corner Puller", "Mouth", "AU 12: zygomaticus major"),
    Attribute("AU14", "Dimpler", "Mouth", "AU 14: buccinator"),
    Attribute("AU15", "Lip Corner Depressor", "Mouth", "AU 15: depressor anguli oris"),
    Attribute("AU17", "Chin Raiser", "Mouth", "AU 17: mentalis"),
    Attribute("AU20", "Lip Stretcher", "Mouth", "AU 20: risorius"),
    Attribute("AU23", "Lip Tightener", "Mouth", "AU 23: orbicularis oris"),
    Attribute("AU25", "Lips Part", "Mouth", "AU 25: depressor labii inferioris, relaxed mentalis or orbicularis oris"),
    Attribute("AU26", "Jaw Drop", "Mouth", "AU 26: masseter, relaxed temporalis and internal pterygoid"),
    Attribute("AU45", "Blink", "Eyes", "AU 45: relaxed levator palpebrae, orbicularis oculi"),
    Attribute("AU16", "Lower Lip Depressor", "Mouth", "AU 16: depressor labii inferioris"),
    Attribute("AU18", "Lip Pucker", "Mouth", "AU 18: incisivii labii superioris and inferioris"),
    Attribute("AU22", "Lip Funneler", "Mouth", "AU 22: orbicularis oris"),
    Attribute("gaze_pitch", "Gaze Pitch", "Eyes", "Eyes look down (+) or up (-), in the head", is_angle=True),
    Attribute(
        "gaze_yaw", "Gaze Yaw", "Eyes", "Eyes look to the picture's left (+) or right (-), in the head", is_angle=True
    ),
)

NAMES: tuple[str, ...] = tuple(a.key for a in ATTRIBUTES)
ANGLES: tuple[str, ...] = tuple(a.key for a in ATTRIBUTES if a.is_angle)
UNITS: tuple[str, ...] = tuple(a.key for a in ATTRIBUTES if not a.is_angle)
POSE: tuple[str, ...] = tuple(name for name in ANGLES if name.startswith("pose"))
GAZE: tuple[str, ...] = tuple(name for name in ANGLES if name.startswith("gaze"))
COMMON: tuple[str, ...] = NAMES[: NAMES.index("AU45") + 1]  # OpenFace's and the papers' 20: every pack has these
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
IS_ANGLE: np.ndarray = np.array([a.is_angle for a in ATTRIBUTES])
AT_POSE = slice(0, len(POSE))  # the vector's parts
AT_UNITS = slice(len(POSE), len(POSE) + len(UNITS))
AT_GAZE = slice(len(POSE) + len(UNITS), len(NAMES))
assert NAMES == POSE + UNITS + GAZE
HARD: np.ndarray = np.array([a.hard for a in ATTRIBUTES], np.float32)


def vector(values: Mapping[str, float] | None = None) -> np.ndarray:
    """float32 [A] in the order of NAMES; what `values` does not name is 0.

    Raises KeyError for a name that is no attribute.
    """
    out = np.zeros(len(NAMES), np.float32)
    for name, value in (values or {}).items():
        out[INDEX[name]] = value
    return out


def named(values: np.ndarray) -> dict[str, float]:
    """The values [A] of one vector by attribute name."""
    return {name: float(v) for name, v in zip(NAMES, values, strict=True)}


def target(source: np.ndarray, properties: np.ndarray, own_expression=1.0, own_pose=1.0) -> np.ndarray:
    """What the generator is asked for: the photo's own vector, as much of it as stays, plus the properties.

    source float32 [A]; properties float32 [A] or [F,A]; the weights are scalars or float [F], 0..1. Returns float32 [A]
    or [F,A]: Action Units clamped to 0..1, angles to +-pi/2. With weights 1 and properties 0 the source comes back bit
    for bit. The weight of the pose is for all angles: eyes that look at the camera from a turned head do so no longer
    when the head looks ahead, unless their turn goes, too.
    """
    properties = np.asarray(properties, np.float32)
    source = np.asarray(source, np.float32)
    expression = np.asarray(own_expression, np.float32)[..., None]
    pose = np.asarray(own_pose, np.float32)[..., None]
    own = np.where(IS_ANGLE, pose, expression) * source
    low = np.where(IS_ANGLE, HARD[:, 0], np.float32(0))
    return np.clip(own + properties, low, HARD[:, 1]).astype(np.float32)


def reorder(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Vectors [..., A] in the order of NAMES -> [..., len(names)] in a pack's order; names that nobody drives are 0."""
    out = np.zeros((*values.shape[:-1], len(names)), np.float32)
    for i, name in enumerate(names):
        if name in INDEX:
            out[..., i] = values[..., INDEX[name]]
    return out
