"""Each Action Unit as anny's facial actions on a synthetic face: what a full contraction looks like on a whole head."""

from __future__ import annotations

import numpy as np

from addon.core.attributes import INDEX, UNITS
from models.head.actions import ACTIONS, STRENGTH

# Where a whole head differs from the default generator (models/head/actions.py), which exaggerates what a photo's own
# pixels show weakly, and holds back where they fold. Chosen by eye on sheets of people (`sheet --what units`):
# AU04 plays more, or brows of people with high ones hardly come down; AU02 and AU05 less, or brows fly off and eyes pop
# out; AU06 and AU09 all of it, their folds being painted; AU15 and AU18 less; AU26 less, or it is AU27; AU16 less,
# since 3.4 mouthLowerDown turns the lower lip over.
NATURAL: dict[str, float] = {"AU02": 1.0, "AU04": 1.25, "AU05": 1.5, "AU06": 1.0, "AU09": 1.0, "AU15": 1.45}
NATURAL |= {"AU16": 0.6, "AU18": 1.4, "AU26": 1.2}
# AU25 parts both lips and lets the jaw follow a little; with the generator's mixture it would look like AU16.
PARTED = {"mouthLowerDownLeft": 1.3, "mouthLowerDownRight": 1.3, "mouthUpperUpLeft": 0.55, "mouthUpperUpRight": 0.55}
PARTED |= {"jawOpen": 0.12}
# AU14 and AU23 are wider than the default generator's, whose narrower lips keep a photo from smiling, and as the
# shipped packs and judges have learnt them.
DIMPLED = {"mouthDimpleLeft": 1.1, "mouthDimpleRight": 1.1, "mouthPressLeft": 0.35, "mouthPressRight": 0.35}
TIGHTENED = {"mouthRollUpper": 0.595, "mouthRollLower": 0.765, "mouthPucker": 0.765}
TIGHTENED |= {"mouthPressLeft": 0.51, "mouthPressRight": 0.51}
SIDES = ("Left", "Right")
FARTHEST = 4.0  # of an action, whatever adds up
LID_FOLLOWS = 0.9  # of eyeBlink a radian of gaze down: the upper lid goes along

MIXTURES: dict[str, dict[str, float]] = {
    unit: {action: w * NATURAL.get(unit, STRENGTH.get(unit, 1.0)) for action, w in ACTIONS[unit].items()}
    for unit in UNITS
} | {"AU14": DIMPLED, "AU23": TIGHTENED, "AU25": PARTED}


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
