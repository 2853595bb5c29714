"""Does what was learnt on synthetic people hold for real faces? Measured beside readers that learnt from real ones.

A movie with its OpenFace table: each unit's correlation over time, beside that of the product's own tracker, which has
the units of movies.units.CHANGED from the shipped estimator. Portraits: each unit's correlation over people with what
the tracker's blendshapes and the mesh fit say. Nothing is learnt here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from addon.core.attributes import GAZE, INDEX, NAMES, POSE, UNITS
from addon.core.errors import ZygomaError
from addon.core.faces import Face, FaceReader, read_photo, unit_readings
from addon.core.faces.landmarks import region_of
from addon.core.faces.picture import Picture, Region
from addon.core.movies.follow import Follower
from addon.core.movies.footage import Footage
from addon.core.movies.table import rows
from addon.core.movies.units import WIDTH, smooth, solve
from addon.core.tables import read_table

from . import metrics
from .crops import Seen, look
from .estimator import ALONE, CHANGE, Estimator, attributes, find

MOVES = 0.02  # a unit's standard deviation over the movie, in full contractions, from which its correlation says much
REST = 0.1  # quantile of a person's readings over a movie, below which they count as at rest


@dataclass(frozen=True)
class Filmed:
    """The face that is longest in a movie. frames [R]: its frames, counted from 1; times float64 [R] seconds; seen:
    what the estimator sees of each; tracked float32 [R,25]: what the product's tracker says, in the order of NAMES."""

    frames: np.ndarray
    times: np.ndarray
    seen: Seen
    tracked: np.ndarray


def film(movie: Path, reader: FaceReader) -> Filmed:
    """Follows a movie as the tracker does. Raises ZygomaError where no face is in it."""
    footage, follower = Footage(movie), Follower(reader, most=1)
    records, parts = [], []
    for frame in tqdm(footage.frames(0, 0.0, None), total=footage.count, desc=movie.name, unit="frame"):
        found = follower(frame)[:1]
        if found["face"][0] >= 0:
            records.append(found)
            parts.append(look(reader, [Picture(frame.pixels)], [Region(*map(float, found["region"][0]))]))
    if not records:
        raise ZygomaError(f"{movie}: no face was found; use a movie that shows one from the front.")
    kept = np.concatenate(records)
    units, _ = solve(kept)
    tracked = np.zeros((len(kept), len(NAMES)), np.float32)
    tracked[:, [INDEX[name] for name in POSE]] = rows(kept, units).place[:, -3:]
    for name, values in units.items():
        tracked[:, INDEX[name]] = values
    return Filmed(kept["frame"].astype(int), kept["time"].astype(float), Seen.joined(parts), tracked)


def movie_table(net: Estimator, filmed: Filmed, table: Path) -> dict[str, dict[str, float]]:
    """For each unit and angle that moves: Pearson's r with OpenFace's table, of `tracker`, `alone` and `change`, over
    the frames that both have."""
    true = read_table(table)
    of_frame = {int(frame): i for i, frame in enumerate(true.frames)}
    both = [(i, of_frame[frame]) for i, frame in enumerate(filmed.frames) if frame in of_frame]
    mine, theirs = (np.array(part) for part in zip(*both, strict=True))
    said = np.zeros((len(theirs), len(NAMES)), np.float32)
    said[:, [INDEX[name] for name in POSE]] = true.pose[theirs]
    said[:, [INDEX[name] for name in UNITS]] = true.intensities[theirs] / 5
    found = find(net, filmed.seen.crops, filmed.seen.angle)
    readers = {"tracker": filmed.tracked}
    readers |= {name: smoothed(found[name], found["turn"], filmed.times, name == CHANGE) for name in (ALONE, CHANGE)}
    moving = [name for name in (*POSE, *UNITS) if said[:, INDEX[name]].std() > MOVES]
    return {
        name: {
            reader: float(metrics.pearson(values[mine, INDEX[name]], said[:, INDEX[name]]))
            for reader, values in readers.items()
        }
        for name in moving
    }


def smoothed(readings: np.ndarray, turn: np.ndarray, times: np.ndarray, of_change: bool) -> np.ndarray:
    """float32 [R,25] in the order of NAMES of readings [R,25] in the order of OUTPUTS: smoothed in time, units less the
    person's own rest, as the tracker takes it off; what is read `of_change` may rest below 0."""
    read = smooth(readings, times, WIDTH)
    units = slice(0, len(UNITS))
    rest = np.quantile(read[:, units], REST, axis=0)
    read[:, units] -= rest if of_change else np.clip(rest, 0, None)
    return attributes(read, turn)


def portraits(folder: Path, reader: FaceReader) -> tuple[Seen, np.ndarray]:
    """(what the estimator sees of the largest face of each picture of a folder, what the tracker's blendshapes say of
    it float32 [N,25]); pictures without a face are left out."""
    parts, said = [], []
    for path in tqdm(sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))):
        try:
            photo = read_photo(path)
            face: Face = reader.face(photo)
        except ZygomaError as problem:
            tqdm.write(str(problem))
            continue
        parts.append(look(reader, [Picture(photo.pixels)], [region_of(face.landmarks)]))
        values = unit_readings(face.blendshapes)
        said.append([*face.pose, *(values.get(unit, np.nan) for unit in UNITS), *([np.nan] * len(GAZE))])
    if not parts:
        raise ZygomaError(f"{folder}: no picture with a face is here.")
    return Seen.joined(parts), np.array(said, np.float32)


def portrait_table(net: Estimator, seen: Seen, said: np.ndarray) -> dict[str, dict[str, float]]:
    """For each unit that the blendshapes read, and the angles: r over people, and the means of both."""
    found = find(net, seen.crops, seen.angle)
    read = attributes(found[ALONE], found["turn"])
    out = {}
    for name in (*POSE, *UNITS):
        mine, theirs = read[:, INDEX[name]], said[:, INDEX[name]]
        out[name] = {"r": float(metrics.pearson(mine, theirs))}
        out[name] |= {"mean": float(mine.mean()), "mean blendshapes": float(theirs.mean())}
    return out
