"""From figures to docs/quality.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np

from addon.core.attributes import ANGLES, ATTRIBUTES, NAMES, UNITS
from addon.core.faces.expression import READINGS

from .acting import Acted
from .mouth_and_lids import SMILES
from .pixels import IDENTICAL, STEPS, TOUCH
from .response import LEVELS, TURNS

TEMPLATE = Path(__file__).with_name("template.md")
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
    """template.md, filled in. refused: why, by photo; the first of photos acted the table."""
    lost = sum(one.lost for one in photos)
    notes = [f"The reader lost the face in {lost} readings of sliders, which count as not rising."] if lost else []
    notes += [f"Not measured: {name}: {why}" for name, why in refused.items()]
    acting = [[_titled(name), _number(v["r"]), _number(v["slope"])] for name, v in acted.figures.items()]
    pictures = [f"![{one.name}: every unit at 0, .5 and 1, and turns](quality/{one.name}.jpg)" for one in photos]
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        pack=pack,
        photos=_listed(one.name for one in photos),
        notes="".join(f"\n{note}\n" for note in notes),
        units=_units(photos),
        angles=_angles(photos),
        smiles=f"{SMILES:g}",
        mouths=_mouths(photos),
        touch=f"{TOUCH:g}",
        rests=_rests(photos),
        steps=STEPS,
        turn=f"{TURNS[-1]:g}",
        sliders=_sliders(photos),
        actor=photos[0].name,
        rows=acted.rows,
        table=table,
        lost=acted.lost,
        acted=_table(["slider", "r", "slope"], acting),
        pictures="\n\n".join(pictures),
    )


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
