"""What the reader says of lips that part, lids that shut, and a smile that is taken away."""

from __future__ import annotations

from dataclasses import replace

from .reading import Reading, read
from .response import Ramps
from .subject import Subject, subject

SMILES = 0.5  # mouthSmile of a photo that counts as smiling
MADE = {"AU12": 0.9, "AU06": 0.6, "AU25": 0.3}  # a smile for a photo that has none


def openings(ramps: Ramps) -> dict[str, float | None]:
    """lips: the gap at full AU25, lips_at_rest: without it, in eye distances; lids: what is left of the eyes' opening
    at full AU45, 0..1. None where the face was lost."""
    rest, parted = ramps["AU25"][0], ramps["AU25"][-1]
    awake, shut = ramps["AU45"][0], ramps["AU45"][-1]
    return {
        "lips_at_rest": rest and rest.lip_gap,
        "lips": parted and parted.lip_gap,
        "lids": awake and shut and shut.lids / max(awake.lids, 1e-6),
    }


def smile_left(one: Subject) -> dict:
    """before, after: mouthSmile 0..1 of the photo and of the face with its own expression taken away, None where the
    reader finds none; made: whether the smile is the generator's own, on a photo that does not smile."""
    before = read(one.reader, one.source.photo, one.source.face.box)
    made = before is None or before.smile < SMILES
    if made:
        smiling = one.generator.frame(one.source, one.asked(MADE))
        one = subject(replace(one.source.photo, pixels=smiling), one.generator, one.reader, one.tick)
        before = read(one.reader, one.source.photo, one.source.face.box)
    (after,) = one.read([one.asked({})])
    return {"before": _smile(before), "after": _smile(after), "made": made}


def _smile(reading: Reading | None) -> float | None:
    return reading and reading.smile
