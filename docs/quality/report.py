"""From figures to docs/quality.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from addon.core.attributes import ANGLES, ATTRIBUTES, NAMES, UNITS
from addon.core.faces.expression import READINGS

from .acting import Acted
from .mouth_and_lids import SMILES
from .pixels import IDENTICAL, STEPS, TOUCH
from .response import LEVELS, TURNS

FEW = 4  # photos that get columns of their own
TITLES = {attribute.key: attribute.title for attribute in ATTRIBUTES}


@dataclass(frozen=True)
class Measured:
    """One photo's figures, as `response`, `mouth_and_lids` and `pixels` give them. lost: readings without a face."""

    name: str
    units: dict[str, dict | None]
    angles: dict[str, dict | None]
    openings: dict[str, float | None]
    smile: dict
    rest: dict
    touched: dict[str, float]
    jumps: dict[str, float]
    made_up: dict[str, float]
    lost: int


def report(photos: Sequence[Measured], acted: Acted, refused: dict[str, str], pack: str, table: str) -> str:
    """Markdown. refused: why, by photo; the first of photos acted the table."""
    pictures = [f"![{one.name}: every unit at 0, .5 and 1, and turns](quality/{one.name}.jpg)" for one in photos]
    lost = sum(one.lost for one in photos)
    parts = [
        "# How well it does what it is asked",
        "Written by `python3.11 build.py quality`; do not edit. `--photos FOLDER`, or `--photo FILE`, measures portraits of "
        "your own, `--table CSV` lets the first of them act a recording of your own, `--pack` takes another generator; those "
        "figures go to `out/quality`.",
        f"The generator is `{pack}`, the photos are {_listed(one.name for one in photos)}.",
        "**Reader and generator share a maker.** What reads the faces here is Zygoma's own face reader, and the generator was "
        "built with it: lips, lids and head angles are fitted to the same landmarks. Agreement shows that the two are "
        "consistent, not that a person would see the same. Outside readers have to confirm it, and likeness is not measured "
        "here at all. The reader was trained on photographs, and a painting is no photograph: where it is blind, the pictures "
        "below say more than the numbers.",
        *([f"The reader lost the face in {lost} pictures; what it lost counts as not rising."] if lost else []),
        *(f"Not measured: {name}: {why}" for name, why in refused.items()),
        "## Action Units",
        "Each slider alone, from the face whose own expression was taken away, on the photo's own pose. **At 0 .. 1**: the "
        "reader's reading of that unit, of its full scale, mean over the photos; it may start beside 0, since nobody's rest is "
        "the scale's. **Rise**: reading at 1 less reading at 0, for each photo. **Rises**: on how many photos the reading goes "
        "up all the way, by a tenth or more in all. **Moved**: the landmark that moves most, in hundredths of the eye distance; "
        "it stands for the units that the reader has no scale for (AU06, AU09, AU16). **Others**: how much the readings of all "
        "other units change from 0 to 1, on average, and which changes most; 0 would be a unit that looks like nothing else.",
        _units(photos),
        "## Head and gaze",
        "**Read**: change of the angle in degrees from the photo's own, at each angle asked for. **Gain**: its slope; 1 is "
        "right. **Others**: how far the other angles of the head, or of the eyes, change with it, at most. Gaze is read from "
        "iris landmarks, the crudest of these readings, the more so where eyes already look aside.",
        _angles(photos),
        "## Lips, lids, smile",
        "**Lips**: gap of the inner lips in eye distances, without and with full AU25. **Eyes left**: what of the eyes' opening "
        "is left at full AU45; 0 is shut, and the landmarks of two touching lids still lie some tenths apart. **Smile**: the "
        f"score `mouthSmile` before and after the photo's own expression is taken away; 0 is gone. Photos that score under {SMILES:g} "
        "were made to smile by the generator first and taken for photos of their own (*made*), which is easier than a real smile.",
        _mouths(photos),
        "## At rest and on the way",
        "**Rest**: whether a frame with everything at rest is the photo, bit for bit. **Crop**: the generator's own picture at "
        f"rest against the photo, before that shortcut. **Touched**: the photo's crop against the one with the slider at {TOUCH:g} (of a unit; "
        "radians of an angle), the lowest of all sliders; a picture that goes soft or jumps when it is first touched would show "
        "as 30 dB or less.",
        _rests(photos),
        f"For each slider. **Touched**: as above, the lowest of the photos. **Jump**: the slider goes its way in {STEPS} even steps; "
        "the largest change of the picture in one step over the mean change, the worst photo; 1 is perfectly even, a pop would "
        f"be 3 or more. **Made up**: the share of the crop that the mask `synthetic` says is not the photo's own, at 1 or at {TURNS[-1]:g} "
        "degrees, mean of the photos.",
        _sliders(photos),
        "## Acting a recording",
        f"{photos[0].name} acts `{table}` ({acted.rows} of its rows, the face lost in {acted.lost}), its own expression "
        "taken away. For each slider that moves in the table and has a reading: Pearson's **r** between asked and read, and the "
        "**slope**, read over asked. Units act together here, so cross-talk counts.",
        _table(
            ["slider", "r", "slope"],
            [[_titled(name), _number(v["r"]), _number(v["slope"])] for name, v in acted.figures.items()],
        ),
        "## Pictures",
        *pictures,
    ]
    return "\n\n".join(parts) + "\n"


def _units(photos: Sequence[Measured]) -> str:
    few = len(photos) <= FEW
    rise_heads = [f"rise, {one.name}" for one in photos] if few else ["rise, lowest", "rise, highest"]
    head = ["unit", *(f"at {level:g}" for level in LEVELS), *rise_heads, "rises", "moved", "others", "most"]
    rows = []
    for unit in UNITS:
        found = [one.units[unit] for one in photos]
        seen = [one for one in found if one]
        row = [_titled(unit)]
        if unit in READINGS:
            levels = np.array([one["read"] for one in seen]).reshape(-1, len(LEVELS))
            rises = [one and one["read"][-1] - one["read"][0] for one in found]
            known = [rise for rise in rises if rise is not None]
            row += [_mean(column) for column in levels.T]
            row += map(_number, rises if few else [min(known, default=None), max(known, default=None)])
            row += [f"{sum(one['rises'] for one in seen)} of {len(photos)}"]
        else:
            row += [""] * (len(LEVELS) + len(rise_heads) + 1)
        row += [_mean([100 * one["moved"] for one in seen], 0), *_cross_talk(seen)]
        rows.append(row)
    return _table(head, rows)


def _cross_talk(seen: list[dict]) -> tuple[str, str]:
    """(mean change of the others, the one that changes most on average)."""
    if not seen:
        return "", ""
    average = np.mean([[abs(change) for change in one["others"].values()] for one in seen])
    changes = {other: float(np.mean([one["others"][other] for one in seen])) for other in seen[0]["others"]}
    most = max(changes, key=lambda other: abs(changes[other]))
    return _number(average), f"{most} {changes[most]:+.2f}"


def _angles(photos: Sequence[Measured]) -> str:
    rows = []
    for name in ANGLES:
        seen = [figures for one in photos if (figures := one.angles[name])]
        read = np.array([one["read"] for one in seen]).reshape(-1, len(TURNS))
        others = [max(one["others"].values()) for one in seen]
        row = [TITLES[name], *(_mean(column, 1) for column in read.T)]
        rows.append([*row, _mean([one["gain"] for one in seen]), _number(max(others, default=None), 1)])
    return _table(["angle", *(f"asked {turn:+g}" if turn else "asked 0" for turn in TURNS), "gain", "others"], rows)


def _mouths(photos: Sequence[Measured]) -> str:
    rows = [
        [
            one.name,
            *(_number(one.openings[key]) for key in ("lips_at_rest", "lips", "lids")),
            _number(one.smile["before"]) + (" *made*" if one.smile["made"] else ""),
            _number(one.smile["after"]),
        ]
        for one in photos
    ]
    return _table(["photo", "lips at rest", "lips, AU25", "eyes left, AU45", "smile", "smile left"], rows)


def _rests(photos: Sequence[Measured]) -> str:
    rows = []
    for one in photos:
        name = min(one.touched, key=lambda key: one.touched[key])
        touched = f"{_decibels(one.touched[name])} ({name})"
        rows.append([one.name, "yes" if one.rest["photo"] else "no", _decibels(one.rest["crop"]), touched])
    return _table(["photo", "rest", "crop", "touched"], rows)


def _sliders(photos: Sequence[Measured]) -> str:
    rows = [
        [
            _titled(name),
            _decibels(min(one.touched[name] for one in photos)),
            _number(max(one.jumps[name] for one in photos)),
            _mean([100 * one.made_up[name] for one in photos], 1) + " %",
        ]
        for name in NAMES
    ]
    return _table(["slider", "touched", "jump", "made up"], rows)


def _titled(name: str) -> str:
    return TITLES[name] if name in ANGLES else f"{name} {TITLES[name]}"


def _decibels(value: float) -> str:
    return "identical" if value == IDENTICAL else f"{value:.0f} dB"


def _mean(values: Iterable[float], places: int = 2) -> str:
    values = list(values)
    return _number(float(np.mean(values)) if values else None, places)


def _number(value: float | None, places: int = 2) -> str:
    """'' for None, and no minus before a zero."""
    return "" if value is None else f"{round(value, places) + 0.0:.{places}f}"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
