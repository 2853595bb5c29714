"""From folders of synthetic people to batches of pairs: decoded once, kept as bytes, photographed anew each time."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from addon.core.attributes import COMMON, INDEX
from addon.core.faces.crop import Crop, cut
from addon.core.faces.topology import MIRROR

from .batch import Batch
from .people.plan import Kind
from .people.shard import DatasetError, decode, picture_name, read_about, read_labels, shard_files, shards
from .presets import Stage, Training

HELD_OUT = 12  # every so many people are never trained on
SWAPPED = 0.4  # of the pairs lead from the changed view back
SAME = 0.04  # of the pairs lead from a view to itself: the photo must come back
LEAST = 0.02  # change of a value, in radians or full contractions, below which two views show the same
OPEN = 0.3  # of AU25 or AU26, from which on lips count as parted
MIRRORED = np.isin(COMMON, ("pose_yaw", "pose_roll"))  # values whose sign a mirror turns round
TRACKED = 0.004, 0.006, 0.15  # of the side, of the side, of z: how far a tracker's points, face and depth are off
FREE_SHARE = 0.8  # of the free memory that pictures may take
ONE_POSE = (Kind.REFERENCE, Kind.SINGLE, Kind.COMBINATION)
STARTS = {  # the kinds of view that pairs towards a kind start from
    Kind.SINGLE: (Kind.REFERENCE,),
    Kind.COMBINATION: ONE_POSE,
    Kind.POSE: (Kind.NEUTRAL, *ONE_POSE, Kind.POSE),
    Kind.BOTH: (Kind.NEUTRAL, *ONE_POSE, Kind.POSE, Kind.BOTH),
    Kind.SHARED: (Kind.NEUTRAL, *ONE_POSE, Kind.POSE, Kind.BOTH, Kind.SHARED),
}


@dataclass(frozen=True, eq=False)
class Views:
    """N views of people, one a row. images uint8 [N,3,S,S]; vectors float32 [N,20] in the order of COMMON; points
    float32 [N,478,3] in pixels; kinds, views and people int64 [N], views and people counted on over all folders."""

    images: Tensor
    vectors: Tensor
    points: Tensor
    kinds: np.ndarray
    views: np.ndarray
    people: np.ndarray

    @property
    def size(self) -> int:
        return self.images.shape[-1]

    def to(self, device) -> Views:
        tensors = {name: getattr(self, name).to(device) for name in ("images", "vectors", "points")}
        return replace(self, **tensors)


# Reading


def read_views(folders: Sequence[str | Path], size: int, side: float) -> Views:
    """All views in `folders`, as crops of `size` pixels that are `side` face heights wide: where people were rendered
    wider, the middle is cut out. Raises DatasetError where a folder is not whole, does not fit, or not into memory."""
    if not folders:
        raise DatasetError("No folder of synthetic people is named: give one with --data.")
    parts = [_read_folder(Path(folder), size, side) for folder in folders]
    people, views = [part.people for part in parts], [part.views for part in parts]
    for i in range(1, len(parts)):  # nobody, and no shared vector, belongs to two folders
        people[i] = people[i] + people[i - 1].max() + 1
        views[i] = views[i] + views[i - 1].max() + 1
    return Views(
        torch.cat([part.images for part in parts]) if len(parts) > 1 else parts[0].images,
        torch.cat([part.vectors for part in parts]),
        torch.cat([part.points for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        np.concatenate(views),
        np.concatenate(people),
    )


def _read_folder(folder: Path, size: int, side: float) -> Views:
    about, labels = read_about(folder), read_labels(folder)
    pictures = _pictures(folder, labels)
    if side > about["side"] + 1e-6:
        raise DatasetError(
            f"{folder}: its crops are {about['side']:g} face heights wide, and {side:g} are asked for: "
            "render wider ones, or train with a smaller side."
        )
    _check_memory(folder, len(pictures), size)
    scale = size * about["side"] / (side * about["size"])
    shift = (size - 1) / 2 - scale * (about["size"] - 1) / 2
    crop = Crop(np.array([[scale, 0, shift], [0, scale, shift]]), size)
    points = labels["landmarks"].astype(np.float32) * np.float32(scale)
    points[..., :2] += np.float32(shift)
    return Views(
        torch.from_numpy(_decoded(folder, pictures, crop)),
        torch.from_numpy(labels["attributes"][:, [INDEX[name] for name in COMMON]].astype(np.float32)),
        torch.from_numpy(points),
        labels["kind"].astype(np.int64),
        labels["view"].astype(np.int64),
        np.unique(labels["person"], return_inverse=True)[1].astype(np.int64),
    )


def _pictures(folder: Path, labels: dict[str, np.ndarray]) -> list[Callable[[], np.ndarray]]:
    """For each row of labels a way to its pixels, uint8 [H,W,3]."""
    archives = {index: zipfile.ZipFile(shard_files(folder, index)[0]) for index in shards(folder)}
    columns = zip(labels["shard"], labels["person"], labels["view"], strict=True)
    return [partial(_picture, archives[int(shard)], picture_name(person, view)) for shard, person, view in columns]


def _picture(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        return decode(archive.read(name))
    except (KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{archive.filename}: {name} is damaged ({error}): render it again.") from None


def _check_memory(folder: Path, count: int, size: int) -> None:
    """Raises DatasetError where the pictures would not fit into free memory, saying what would."""
    each = 3 * size * size + 478 * 3 * 4
    free = FREE_SHARE * free_memory()
    if count * each > free:
        smaller = int(((free / count - 478 * 3 * 4) / 3) ** 0.5) // 16 * 16 if free > count * 478 * 3 * 4 else 0
        either = f", or all at {smaller} pixels" if smaller >= 64 else ""
        raise DatasetError(
            f"{folder}: {count} pictures of {size} pixels take {count * each / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            f"free: {int(free // each)} of them would fit{either}."
        )


def free_memory() -> int:
    """Bytes that this machine can still give."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _decoded(folder: Path, pictures: list, crop: Crop) -> np.ndarray:
    """uint8 [N,3,S,S]."""
    out = np.empty((len(pictures), 3, crop.size, crop.size), np.uint8)

    def decode(i: int) -> None:
        out[i] = cut(pictures[i](), crop).transpose(2, 0, 1)

    with ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
        for _ in tqdm(pool.map(decode, range(len(pictures))), folder.name, len(pictures), unit="picture", leave=False):
            pass
    return out


# Splitting, pairing


class Photographer(NamedTuple):
    """How a pair was photographed and printed, float32 [B] each, tint [B,3]; blur and noise are standard deviations in
    pixels of a crop of 128 and in shares of the range."""

    gamma: Tensor
    gain: Tensor
    tint: Tensor
    saturation: Tensor
    blur: Tensor
    noise: Tensor


def draw_photographer(rng: np.random.Generator, count: int) -> Photographer:
    def between(low, high, *more):
        return rng.uniform(low, high, (count, *more))

    colourless, blurred = rng.random(count) < 0.1, rng.random(count) < 0.5
    drawn = (
        between(0.7, 1.4),
        between(0.75, 1.2),
        1 + between(-0.08, 0.08, 3),
        np.where(colourless, 0, between(0.5, 1.15)),
        np.where(blurred, between(0.4, 1.1), 0),
        between(0, 0.03),
    )
    return Photographer(*(torch.from_numpy(values.astype(np.float32)) for values in drawn))


def photographed(images: Tensor, by: Photographer, generator: torch.Generator) -> Tensor:
    """images [B,K,3,S,S] in 0..1 of one person each, all by the pair's photographer -> the same shape, 0..1."""
    batch, _, _, size, _ = images.shape
    by = Photographer(*(values.to(images.device) for values in by))
    images = images.clamp(min=1e-3) ** by.gamma.view(-1, 1, 1, 1, 1)
    images = images * (by.gain[:, None] * by.tint).view(-1, 1, 3, 1, 1)
    grey = images.mean(2, keepdim=True)
    images = grey + (images - grey) * by.saturation.view(-1, 1, 1, 1, 1)
    soft = torch.nonzero(by.blur > 0)[:, 0]
    if len(soft):
        images = images.index_copy(0, soft, blurred(images[soft], by.blur[soft] * size / 128))
    noise = torch.randn((batch, 1, 3, size, size), generator=generator, device=images.device)  # one grain, one print
    return (images + by.noise.view(-1, 1, 1, 1, 1) * noise).clamp(0, 1)


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of images [B,K,3,S,S] by sigma [B] in pixels; the border goes on outside."""
    batch, count, _, size, _ = images.shape
    reach = max(1, int(3 * float(sigma.max()) + 0.5))
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True))[:, None]  # [B,1,taps]
    planes = F.pad(images.reshape(batch * count * 3, 1, size, size), (reach,) * 4, mode="replicate")
    planes = planes.view(batch, count * 3, size + 2 * reach, size + 2 * reach).transpose(0, 1)  # [3K,B,.,.]
    planes = F.conv2d(planes, kernel[:, :, None], groups=batch)
    planes = F.conv2d(planes, kernel[..., None], groups=batch)
    return planes.transpose(0, 1).reshape(images.shape)


class Pairs:
    """Pairs of views, of people to train on and of people held out. Step k's batch is the same whenever it is asked
    for, so a training that goes on from a checkpoint sees what an unbroken one would."""

    def __init__(self, views: Views, training: Training):
        self.views, self.training = views, training
        everyone = np.unique(views.people)
        held = everyone % HELD_OUT == HELD_OUT - 1
        if not held.any():
            held[-1] = True
        rows = {int(person): self._by_kind(np.flatnonzero(views.people == person)) for person in everyone}
        usable = np.array([len(rows[int(person)]) > 1 for person in everyone])
        if (usable & ~held).sum() < 2 or not (usable & held).any():
            raise DatasetError(
                f"{len(everyone)} people are too few: two to train on and one to hold out are the least."
            )
        self.trained = [rows[int(person)] for person in everyone[usable & ~held]]
        self.held_out = [rows[int(person)] for person in everyone[usable & held]]
        self.shared = self._shared()
        parted = views.vectors[:, [COMMON.index(unit) for unit in ("AU25", "AU26")]].amax(1) > OPEN
        self.weights = np.where(parted.cpu().numpy(), training.opened, 1.0)  # [N], how often a view is drawn

    def _by_kind(self, rows: np.ndarray) -> dict[Kind, np.ndarray]:
        """A person's rows by kind. Single changes of values that COMMON lacks are left out: nothing asks for them."""
        by_kind = {Kind(kind): rows[self.views.kinds[rows] == kind] for kind in np.unique(self.views.kinds[rows])}
        if Kind.SINGLE in by_kind and Kind.REFERENCE in by_kind:
            reference = self.views.vectors[by_kind[Kind.REFERENCE][0]]
            told = (self.views.vectors[by_kind[Kind.SINGLE]] - reference).abs().amax(1).numpy() > LEAST
            by_kind[Kind.SINGLE] = by_kind[Kind.SINGLE][told]
        return {kind: found for kind, found in by_kind.items() if len(found)}

    def _shared(self) -> dict[int, np.ndarray]:
        """Rows of people to train on by the view that all of them show."""
        rows = np.concatenate([person.get(Kind.SHARED, np.zeros(0, int)) for person in self.trained])
        return {int(view): rows[self.views.views[rows] == view] for view in np.unique(self.views.views[rows])}

    @property
    def people(self) -> int:
        """How many people are trained on."""
        return len(self.trained)

    def batch(self, step: int, progress: float, rank: int = 0, world: int = 1) -> Batch:
        """The pairs of one step, progress 0..1; of several processes, `rank`'s part of them."""
        training, views = self.training, self.views
        rng = np.random.default_rng([training.seed, step])
        stage = next((s for s in training.stages if progress < s.until), training.stages[-1])
        drawn = [self._pair(rng, stage) for _ in range(training.batch)]
        flipped = rng.random(training.batch) < 0.5
        tracker = self._tracker(rng, training.batch)
        photographers = [draw_photographer(rng, training.batch) for _ in range(2)]  # the pair's, the driver's
        part = slice(rank * training.batch // world, (rank + 1) * training.batch // world)
        person, start, end, neutral, driver = (torch.tensor(column[part]) for column in zip(*drawn, strict=True))
        flipped = torch.from_numpy(flipped[part])
        generator = torch.Generator(views.images.device)
        generator.manual_seed(int(rng.integers(2**62)) + rank)

        wanted = training.pictures
        own = torch.stack([start, end, *([neutral] if "neutral" in wanted else [])], 1)  # [B,2 or 3]
        own = self._images(own, flipped, photographers[0], part, generator)
        nothing = own[:, 0, :, :0, :0]
        other = nothing
        if "driver" in wanted:
            other = self._images(driver[:, None], flipped, photographers[1], part, generator)[:, 0]
        vectors = [self._mirrored_vectors(views.vectors[rows], flipped) for rows in (start, end)]
        points = [self._mirrored_points(views.points[rows], flipped) for rows in (start, end, neutral)]
        offset, jitter, depth = (values[part] for values in tracker)
        seen = points[0] + torch.cat([offset[:, None] + jitter, points[0][..., 2:] * depth], 2).to(points[0])
        return Batch(
            image=own[:, 0],
            source=vectors[0],
            points=seen,
            target=own[:, 1],
            wanted=vectors[1],
            target_points=points[1],
            neutral=own[:, 2] if "neutral" in wanted else nothing,
            driver=other,
            person=person.to(own.device),
            neutral_points=points[2],
            exact_points=points[0],
        )

    def _pair(self, rng: np.random.Generator, stage: Stage) -> tuple[int, int, int, int, int]:
        """Person, and rows of source, target, the neutral view and a driver: somebody else where the target is SHARED,
        else the target itself, photographed by somebody else."""
        person = int(rng.integers(len(self.trained)))
        rows = self.trained[person]
        shares = {kind: getattr(stage, kind.name.lower()) for kind in STARTS if kind in rows}
        total = sum(shares.values())
        kind = list(shares)[int(rng.choice(len(shares), p=np.array(list(shares.values())) / total))]
        weights = self.weights[rows[kind]]
        end = int(rng.choice(rows[kind], p=weights / weights.sum()))
        starts = np.concatenate([rows[k] for k in STARTS[kind] if k in rows])
        start = int(rng.choice(starts[starts != end]))
        if kind != Kind.SHARED and rng.random() < SWAPPED:
            start, end = end, start
        if rng.random() < SAME:
            start = end
        driver = end
        if kind == Kind.SHARED:
            others = self.shared[int(self.views.views[end])]
            driver = int(rng.choice(others[others != end])) if len(others) > 1 else end
        return person, start, end, int(rows.get(Kind.NEUTRAL, [end])[0]), driver

    def _tracker(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """How far a tracker's landmarks are off: of the face [B,2] and of each point [B,478,2] in pixels, and of z
        [B,1,1] as a share."""
        single, whole, depth = TRACKED
        drawn = (
            rng.normal(0, whole * self.views.size, (count, 2)),
            rng.normal(0, single * self.views.size, (count, 478, 2)),
            rng.normal(0, depth, (count, 1, 1)),
        )
        return tuple(torch.from_numpy(values.astype(np.float32)) for values in drawn)

    def _images(self, rows: Tensor, flipped: Tensor, by: Photographer, part: slice, generator) -> Tensor:
        """Rows [B,K] -> [B,K,3,S,S] in -1..1, mirrored and photographed."""
        images = self.views.images[rows].float() / 255
        images = torch.where(flipped.view(-1, 1, 1, 1, 1).to(images.device), images.flip(-1), images)
        if self.training.photographic:
            images = photographed(images, Photographer(*(values[part] for values in by)), generator)
        return images * 2 - 1

    def _mirrored_vectors(self, vectors: Tensor, flipped: Tensor) -> Tensor:
        sign = torch.where(flipped[:, None] & torch.from_numpy(MIRRORED), -1.0, 1.0)
        return vectors * sign.to(vectors)

    def _mirrored_points(self, points: Tensor, flipped: Tensor) -> Tensor:
        mirrored = points[:, MIRROR] * points.new_tensor([-1, 1, 1]) + points.new_tensor([self.views.size - 1, 0, 0])
        return torch.where(flipped.view(-1, 1, 1).to(points.device), mirrored, points)

    # People held out

    def trials(self, most_people: int = 24) -> list[tuple[int, int, str]]:
        """Pairs of held-out people that are looked at: (source row, target row, what changes): the reference to each
        single unit (by its name), "combination" or "pose"."""
        found = []
        for person in self.held_out[:most_people]:
            if Kind.REFERENCE not in person:
                continue
            start = int(person[Kind.REFERENCE][0])
            for end in map(int, person.get(Kind.SINGLE, [])):
                change = (self.views.vectors[end] - self.views.vectors[start]).abs()
                found.append((start, end, COMMON[int(change.argmax())]))
            found += [(start, int(end), "combination") for end in person.get(Kind.COMBINATION, [])]
            found += [(start, int(end), "pose") for end in person.get(Kind.POSE, [])]
        return found

    def plain(self, starts: Sequence[int], ends: Sequence[int]) -> Batch:
        """Pairs by their rows, as they were rendered; driver and neutral are the target's person as far as it has
        them."""
        views, start, end = self.views, torch.tensor(starts), torch.tensor(ends)

        def images(rows):
            return views.images[rows].float() / 127.5 - 1

        neutral, driver = [], []
        for row in ends:
            own = np.flatnonzero(views.people == views.people[row])
            rest = own[views.kinds[own] == Kind.NEUTRAL]
            neutral.append(int(rest[0]) if len(rest) else int(row))
            driver.append(int(row))
        return Batch(
            image=images(start),
            source=views.vectors[start],
            points=views.points[start],
            target=images(end),
            wanted=views.vectors[end],
            target_points=views.points[end],
            neutral=images(torch.tensor(neutral)),
            driver=images(torch.tensor(driver)),
            person=torch.zeros(len(start), dtype=torch.int64, device=views.images.device),
            neutral_points=views.points[torch.tensor(neutral)],
            exact_points=views.points[start],
        )
