"""Each Action Unit as anny's facial actions on a synthetic face: what a full contraction looks like on a whole head."""

from __future__ import annotations

import numpy as np

from addon.core.attributes import INDEX, UNITS
from models.head.actions import ACTIONS, STRENGTH

# Where a whole head differs from the default generator, which exaggerates what a photo's own pixels show weakly.
NATURAL: dict[str, float] = {"AU25": 2.6, "AU23": 1.6, "AU15": 1.45, "AU18": 1.4}
SIDES = ("Left", "Right")
FARTHEST = 4.0  # of an action, whatever adds up
LID_FOLLOWS = 0.9  # of eyeBlink a radian of gaze down: the upper lid goes along

MIXTURES: dict[str, dict[str, float]] = {
    unit: {action: w * NATURAL.get(unit, STRENGTH.get(unit, 1.0)) for action, w in ACTIONS[unit].items()}
    for unit in UNITS
}


def actions(attributes: np.ndarray) -> dict[str, float]:
    """A vector [25] -> weights of anny's facial actions, with what muscles cannot do at once taken out.

    A lid that shuts is neither wide nor squinted; lip corners that are pulled up are pulled down less; lips that are
    pressed or rolled do not part.
    """
    out: dict[str, float] = {}
    for unit in UNITS:
        value = float(attributes[INDEX[unit]])
        if value:
            for action, weight in MIXTURES[unit].items():
                out[action] = out.get(action, 0.0) + value * weight
    down = float(attributes[INDEX["gaze_pitch"]])
    for side in SIDES:
        blink = f"eyeBlink{side}"
        shut = min(out.get(blink, 0.0), 1.0)
        follow = LID_FOLLOWS * max(down, 0.0)
        if shut > 0.3:
            out[f"eyeWide{side}"] = 0.0
            out[f"eyeSquint{side}"] = out.get(f"eyeSquint{side}", 0.0) * (1 - shut)
        out[blink] = min(shut + follow * (1 - shut), 1.0)
        out[f"eyeWide{side}"] = out.get(f"eyeWide{side}", 0.0) + 0.8 * max(-down, 0.0) * (1 - shut)
        smile, frown = out.get(f"mouthSmile{side}", 0.0), out.get(f"mouthFrown{side}", 0.0)
        if smile and frown:
            out[f"mouthFrown{side}"] = frown * 0.6
        parted = min(max(out.get(f"mouthLowerDown{side}", 0.0), 4 * out.get("jawOpen", 0.0)), 1.0)
        if parted and out.get(f"mouthPress{side}"):
            out[f"mouthPress{side}"] *= 1 - parted
    return {action: min(weight, FARTHEST) for action, weight in out.items() if weight}
