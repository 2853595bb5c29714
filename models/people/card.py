"""Writes the dataset's card: what synthetic people are like, counted and measured on a sample, with pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from addon.core.attributes import INDEX, POSE, UNITS, vector
from addon.core.faces.picture import Picture
from addon.core.faces.reader import FaceReader
from addon.core.faces.topology import eye_distance

from . import plan, sheet
from .anthropometry import RANGES, measured
from .complexion import years
from .head import load_head
from .labels import Segment, read_depth, read_flow
from .person import Person, draw_person
from .photograph import draw_look
from .render import PEOPLE_A_SHARD, SHIFT, SIDE, Dataset, Studio
from .shard import decode

TEMPLATE = Path(__file__).with_name("card.md")
SEED = 0
VIEWS = 20  # of a person, in what is counted
SHOWN = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23")
SHOWN += ("AU25", "AU26", "AU45", "AU16", "AU18", "AU22")
AGES = (18, 30, 45, 60, 75, 120)
TURNED = np.radians(25)
LEGEND = {Segment.SKIN: (224, 172, 140), Segment.LIPS: (200, 80, 90), Segment.HAIR: (110, 80, 50)}
JPEG = 78


@dataclass(frozen=True)
class Agreement:
    """How the project's own reader, trained on real faces, sees the pictures. away: median distance of its landmarks
    from the true ones in eye distances, by picture; pose: difference, degrees [n,3]; lost: pictures without a face."""

    away: np.ndarray
    pose: np.ndarray
    lost: int


def write_card(path: Path, people: int, rendered: int, head: Path | None) -> None:
    """Writes `path` and pictures into a folder of its name beside it. people: how many are counted; rendered: how many
    of them are rendered and read."""
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    shape = load_head(head)
    drawn = [draw_person(SEED, number, shape) for number in tqdm(range(people), unit="person")]
    vectors = np.concatenate([plan.plan(SEED, number, VIEWS) for number in range(people)])
    agreement = read_pictures(rendered, head)
    _save(folder / "people.jpg", sheet.people(SEED, 40, 112, head))
    _save(folder / "pairs.jpg", sheet.pairs(SEED + 3, 3, 128, head))
    _save(folder / "units.jpg", unit_strip(head))
    _save(folder / "labels.jpg", label_strip(head))
    path.write_text(_text(folder.name, drawn, vectors, agreement, rendered), "utf-8")


def read_pictures(people: int, head: Path | None) -> Agreement:
    """Reads a neutral, a reference and a turned view of each of some people."""
    studio, reader = Studio(Dataset(SEED, people, 5, 256), head), FaceReader(threads=1)
    chosen = (plan.Kind.NEUTRAL, plan.Kind.REFERENCE, plan.kinds(5).index(plan.Kind.POSE))
    away, pose, lost = [], [], 0
    for number in tqdm(range(people), unit="person"):
        images, labels = studio.shoot(number)
        pictures = list(images.values())
        for view in chosen:
            trusted, _ = reader._search(Picture(decode(pictures[view])))
            if not trusted:
                lost += 1
                continue
            true = labels["landmarks"][view]
            points = trusted[0].points
            away.append(np.median(np.linalg.norm((points - true)[:, :2], axis=1)) / eye_distance(true))
            pose.append(np.degrees(reader.head_pose(points) - labels["attributes"][view, : len(POSE)]))
    return Agreement(np.array(away), np.array(pose), lost)


def unit_strip(head: Path | None) -> np.ndarray:
    """Every unit at its fullest, each on a person of its own row: uint8 [H,W,3]."""
    size, people = 112, (5, 9)
    studio = Studio(Dataset(SEED, 20, 1, size, 1.45, 0.0), head)
    out = []
    for number in people:
        sitting = studio.seat(number, vector())
        for name in ("", *SHOWN):
            shown = vector({name: 1.0} if name else {})
            picture = studio.draw(sitting, sitting.person.body.show(shown), shown)[0]
            out.append(sheet.told(sheet.as_bytes(picture), name or "neutral"))
    return sheet.tiled(out, -(-len(out) // 4))


def label_strip(head: Path | None) -> np.ndarray:
    """A reference view, another view, its segments, its depth, and the view's pixels brought back by the flow."""
    studio = Studio(Dataset(SEED + 3, 3, 5, 192, dense=True), head)
    images, labels = studio.shoot(1)
    person, view = labels["person"][0], plan.kinds(5).index(plan.Kind.POSE)
    at = {end: images[f"{person:06d}_{view:02d}{end}"] for end in (".webp", ".parts.png", ".depth.png", ".flow.png")}
    picture = decode(at[".webp"])
    segments = cv2.imdecode(np.frombuffer(at[".parts.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    colours = np.random.default_rng(8).integers(60, 255, (len(Segment), 3)).astype(np.uint8)
    colours[Segment.BACKGROUND] = 30
    for segment, colour in LEGEND.items():
        colours[segment] = colour
    near = np.clip((0.16 - read_depth(at[".depth.png"])) / 0.28, 0, 1)
    depth = np.repeat(np.uint8(255 * np.nan_to_num(near))[..., None], 3, -1)
    flow, seen = read_flow(at[".flow.png"])
    rows, columns = np.mgrid[: len(flow), : len(flow)].astype(np.float32)
    back = cv2.remap(picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    back[seen != 2] = 30
    strip = [decode(images[f"{person:06d}_01.webp"]), picture, colours[segments], depth, back]
    return sheet.tiled(strip, len(strip))


def _save(path: Path, picture: np.ndarray) -> None:
    if not cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG]):
        raise OSError(None, "could not be written", str(path))


def _text(pictures: str, people: list[Person], vectors: np.ndarray, agreement: Agreement, rendered: int) -> str:
    return TEMPLATE.read_text("utf-8").format(
        pictures=pictures,
        people=len(people),
        measured=rendered,
        seed=SEED,
        views=VIEWS,
        side=SIDE,
        shift=SHIFT,
        people_a_shard=PEOPLE_A_SHARD,
        kinds=_kinds(),
        attributes=_attributes(vectors),
        who=_who(people),
        read=len(agreement.away) + agreement.lost,
        found=100 * len(agreement.away) / max(len(agreement.away) + agreement.lost, 1),
        away=100 * np.median(agreement.away),
        far=100 * np.quantile(agreement.away, 0.9),
        degrees=", ".join(f"{value:.1f}" for value in np.abs(agreement.pose).mean(0)),
    )


def _kinds() -> str:
    count = Counter(plan.kinds(VIEWS))
    rows = "\n".join(f"| {kind.name} | {count[kind]} | {_about(kind)} |" for kind in plan.Kind)
    return f"| kind | of {VIEWS} views | shows |\n|---|---|---|\n{rows}"


def _about(kind: plan.Kind) -> str:
    return {
        plan.Kind.NEUTRAL: "facing the camera, without expression",
        plan.Kind.REFERENCE: "a face as a photo has it, turned a little, eyes level; half of them at rest",
        plan.Kind.SINGLE: "the reference with one unit changed",
        plan.Kind.COMBINATION: "another expression in the reference's pose",
        plan.Kind.POSE: "the reference's expression in another pose",
        plan.Kind.BOTH: "another expression and pose",
        plan.Kind.SHARED: "a vector that everybody in the dataset shows in this view",
    }[kind]


def _attributes(vectors: np.ndarray) -> str:
    rows = ["| attribute | shown in | median when shown | 95 % of them below |", "|---|---|---|---|"]
    for name in UNITS:
        values = vectors[:, INDEX[name]]
        shown = values[values > 0.02]
        share, high = 100 * len(shown) / len(values), np.quantile(shown, 0.95)
        rows.append(f"| {name} | {share:.0f} % | {np.median(shown):.2f} | {high:.2f} |")
    rows += ["", "| angle | standard deviation | 5 % .. 95 %, degrees |", "|---|---|---|"]
    for name in (*POSE, "gaze_pitch", "gaze_yaw"):
        values = np.degrees(vectors[:, INDEX[name]])
        low, high = np.quantile(values, [0.05, 0.95])
        rows.append(f"| {name} | {values.std():.0f} | {low:.0f} .. {high:.0f} |")
    return "\n".join(rows)


def _who(people: list[Person]) -> str:
    def share(test: Callable[[Person], bool]) -> str:
        return f"{100 * np.mean([test(person) for person in people]):.0f} %"

    ages = [years(person.traits.age) for person in people]
    by_age = ", ".join(
        f"{low} to {high - 1}: {100 * np.mean([low <= age < high for age in ages]):.0f} %"
        for low, high in pairwise(AGES[:-1])
    )
    tones = np.quantile([person.complexion.melanin for person in people], [0.05, 0.25, 0.5, 0.75, 0.95])
    media = Counter(draw_look(np.random.default_rng([SEED, i])).medium for i in range(2000))
    men = [person for person in people if person.traits.gender < 0.5]
    wears = ", ".join(
        f"{kind} {share(lambda person, kind=kind: any(part.kind == kind for part in person.parts))}"
        for kind in ("glasses", "headwear", "jewellery")
    )
    rows = {
        "women": share(lambda person: person.traits.gender > 0.5),
        "years": f"{by_age}, {AGES[-2]} and older: {100 * np.mean([age >= AGES[-2] for age in ages]):.0f} %",
        "melanin in the outer skin, quantiles 5, 25, 50, 75, 95 %": ", ".join(f"{100 * t:.1f} %" for t in tones),
        "bald": share(lambda person: person.hairstyle is None),
        "hair longer than 9 cm": share(lambda person: person.hairstyle is not None and person.hairstyle.length > 0.09),
        "a beard or moustache, of men": f"{100 * np.mean([person.beard is not None for person in men]):.0f} %",
        "make-up": share(lambda person: person.complexion.makeup.foundation + person.complexion.makeup.lipstick > 0),
        "wear": wears,
        "photographed as": ", ".join(f"{name} {100 * n / 2000:.0f} %" for name, n in media.most_common()),
    }
    measures = [measured(p.body.head.landmarks(p.body.fine)) for p in people]
    for name in RANGES:
        low, middle, high = np.quantile([of[name] for of in measures], [0.05, 0.5, 0.95])
        rows[f"{name}, quantiles 5, 50, 95 %"] = f"{low:.2f}, {middle:.2f}, {high:.2f}"
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())
