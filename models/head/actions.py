"""Each Action Unit as a mixture of anny's facial actions (ARKit's names), and how strongly the generator plays it."""


def _both(name: str, weight: float) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


ACTIONS: dict[str, dict[str, float]] = {
    "AU01": {"browInnerUp": 1.6},
    "AU02": _both("browOuterUp", 1.4),
    "AU04": _both("browDown", 1.2),
    "AU05": _both("eyeWide", 1.0),
    "AU06": {**_both("cheekSquint", 1.3), **_both("eyeSquint", 0.5)},
    "AU07": {**_both("eyeSquint", 1.0), **_both("eyeBlink", 0.08)},
    "AU09": {
        **_both("noseSneer", 1.6),
        **_both("browDown", 0.4),
        **_both("mouthUpperUp", 0.25),
        **_both("cheekSquint", 0.3),
    },
    "AU10": {**_both("mouthUpperUp", 1.0), **_both("noseSneer", 0.3)},
    "AU12": {**_both("mouthSmile", 0.85), **_both("mouthLowerDown", 0.65)},  # a smile of itself presses lips together
    "AU14": {  # puckered and pulled down against the dimples' widening, which reads as a smile
        **_both("mouthDimple", 0.9),
        **_both("mouthPress", 0.5),
        **_both("mouthFrown", 0.25),
        "mouthPucker": 0.35,
    },
    "AU15": _both("mouthFrown", 1.1),
    "AU17": {"mouthShrugLower": 1.5, "mouthShrugUpper": 0.6},
    "AU20": {**_both("mouthStretch", 1.2), **_both("mouthSmile", 0.15)},
    "AU23": {"mouthRollUpper": 0.45, "mouthRollLower": 0.55, "mouthPucker": 0.5, **_both("mouthPress", 0.4)},
    "AU25": {**_both("mouthLowerDown", 1.0), **_both("mouthUpperUp", 0.25), "jawOpen": 0.04},
    "AU26": {"jawOpen": 0.5},
    "AU45": _both("eyeBlink", 1.0),
    "AU16": _both("mouthLowerDown", 3.4),
    "AU18": {"mouthPucker": 1.0},
    "AU22": {"mouthFunnel": 1.0},
}

# What a full unit of the generator plays of its mixture. AU06 and AU09 fold the cheek at 1; AU25 is mute at 1.
STRENGTH: dict[str, float] = {
    **{"AU02": 1.3, "AU05": 1.9, "AU06": 0.75, "AU09": 0.75, "AU10": 1.4, "AU15": 1.75, "AU17": 0.8, "AU18": 1.8},
    **{"AU20": 0.9, "AU23": 1.9, "AU25": 4.5, "AU26": 1.4},
}

# AU17 also lifts the chin itself, which the actions do not: metres up, towards the camera, and over what radius.
CHIN_LIFT, CHIN_FORWARD, CHIN_RADIUS = 0.016, 0.001, 0.027
