"""Renders a dataset of synthetic people: the same bytes from the same seed, whatever the number of workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from addon.core.attributes import NAMES
from addon.core.errors import ZygomaError

from . import plan
from .background import background
from .camera import Camera, camera_on, draw_distance
from .head import Posed, load_head
from .light import Light, draw_light
from .person import Person, draw_person
from .photograph import Look, draw_look, photograph
from .shard import ABOUT, DatasetError, check_shard, picture_name, read_about, shard_files, write_about, write_shard

VERSION = 4
PEOPLE_A_SHARD = 8
LOSSLESS = 101  # to OpenCV's WebP: what it loses otherwise is twice a small unit's change
SIDE, SHIFT = 1.8, 0.04  # of the crop, face heights
LEAST_SIZE, MOST_SIZE = 64, 1024


@dataclass(frozen=True)
class Dataset:
    """What makes a dataset what it is. size: pixels; side, shift: the crop, see addon.core.faces.crop; samples: a
    pixel's, of Cycles; 0 for OpenGL."""

    seed: int
    people: int
    views: int
    size: int
    side: float = SIDE
    shift: float = SHIFT
    dense: bool = False
    people_a_shard: int = PEOPLE_A_SHARD
    samples: int = 0

    @property
    def shards(self) -> int:
        return -(-self.people // self.people_a_shard)

    def of_shard(self, index: int) -> range:
        """The people in a shard."""
        return range(index * self.people_a_shard, min((index + 1) * self.people_a_shard, self.people))

    def about(self) -> dict:
        """What dataset.json holds."""
        about = {"version": VERSION, **asdict(self), "names": list(NAMES)}
        return about if self.samples else {name: value for name, value in about.items() if name != "samples"}


@dataclass(frozen=True)
class Sitting:
    """A person in front of the camera, and all that stays from view to view."""

    person: Person
    light: Light
    behind: np.ndarray
    look: Look
    reference: Posed
    camera: Camera


class Studio:
    """One process's renderer: seats a person after the other."""

    def __init__(self, dataset: Dataset, head: Path | None, threads: int = 0):
        """threads: of Cycles, 0 for all cores. Raises HeadError, RenderError."""
        self.dataset = dataset
        self.head = load_head(head)
        self.surveyor = None
        if dataset.samples:
            self.renderer = _cycles(self.head, dataset, threads)
            return
        from .rasteriser import Rasteriser  # OpenGL may be missing where Blender is

        self.renderer = Rasteriser(self.head, dataset.size)
        if dataset.dense:
            from .labels import Surveyor

            self.surveyor = Surveyor(self.renderer)

    def seat(self, number: int, reference: np.ndarray) -> Sitting:
        """Person `number`, whose crop is that of a view that shows `reference` [25]."""
        data = self.dataset
        person = draw_person(data.seed, number, self.head)
        self.renderer.dress(person)
        rng = np.random.default_rng([data.seed, number, 10])
        light = draw_light(rng, person.skin)
        behind = background(rng, data.size)
        look = draw_look(rng)
        posed = person.body.show(reference)
        camera = camera_on(posed.landmarks, draw_distance(rng), data.size, data.side, data.shift)
        return Sitting(person, light, behind, look, posed, camera)

    def draw(self, sitting: Sitting, posed: Posed, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The seated person under a vector [25], before any photographer: float [S,S,3] 0..1, and the matte [S,S]."""
        drawn = self.renderer.picture(posed, vector, sitting.camera, sitting.light)
        return drawn[..., :3] + sitting.behind * (1 - drawn[..., 3:]), drawn[..., 3]

    def shoot(self, number: int) -> tuple[dict[str, bytes], dict[str, np.ndarray]]:
        """All views of a person: encoded pictures by name, labels of one row a view."""
        data = self.dataset
        vectors = plan.plan(data.seed, number, data.views)
        sitting = self.seat(number, vectors[min(plan.Kind.REFERENCE, data.views - 1)])
        person, camera = sitting.person, sitting.camera
        images, landmarks = {}, []
        for view, vector in enumerate(vectors):
            posed = person.body.show(vector)
            drawn, matte = self.draw(sitting, posed, vector)
            name = picture_name(number, view)
            grain = np.random.default_rng(
                [data.seed, number, 11]
            )  # one for all views: pairs differ by the person alone
            images[name] = encode(photograph(drawn, sitting.look, grain))
            if self.surveyor:
                from .labels import dense_labels

                files = dense_labels(self.surveyor, person, sitting.reference, posed, camera, matte)
                images |= {name.replace(".webp", end): content for end, content in files.items()}
            landmarks.append(camera.landmarks(posed.landmarks))
        return images, {
            "person": np.full(data.views, number, np.int64),
            "view": np.arange(data.views, dtype=np.int64),
            "kind": np.array(plan.kinds(data.views), np.uint8),
            "attributes": vectors,
            "landmarks": np.array(landmarks, np.float32),
            "camera": np.tile(camera.numbers(), (data.views, 1)),
            "light": np.tile(sitting.light.numbers(), (data.views, 1)),
            "traits": np.tile(person.traits.numbers(), (data.views, 1)),
        }

    def render_shard(self, folder: Path, index: int) -> None:
        images: dict[str, bytes] = {}
        rows = []
        for number in self.dataset.of_shard(index):
            pictures, labels = self.shoot(number)
            images |= pictures
            rows.append(labels)
        write_shard(folder, index, images, {name: np.concatenate([row[name] for row in rows]) for name in rows[0]})


def _cycles(head, dataset: Dataset, threads: int):
    if dataset.dense:
        raise DatasetError("dense labels are drawn with OpenGL: render the same people without Cycles for them.")
    try:
        from .cycles import Cycles
    except ImportError as error:
        raise ZygomaError(
            f"Cycles needs Blender as a module, and {error.name} is not installed: use a Python that has the group "
            "`blender`."
        ) from None
    return Cycles(head, dataset.size, dataset.samples, threads)


def encode(picture: np.ndarray) -> bytes:
    """uint8 [S,S,3] RGB as WebP, without loss."""
    done, content = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS])
    if not done:
        raise DatasetError("OpenCV could not write WebP.")
    return content.tobytes()


def render(dataset: Dataset, folder: Path, workers: int, resume: bool, head: Path | None = None) -> None:
    """Renders what is missing of a dataset, with progress on stderr. Finished shards are kept; a damaged one is named
    and rendered again. Raises DatasetError where the folder holds another dataset, or one at all and not `resume`."""
    todo = _missing(dataset, folder, resume)
    write_about(folder, dataset.about())
    images = [len(dataset.of_shard(index)) * dataset.views for index in range(dataset.shards)]
    done = sum(images) - sum(images[index] for index in todo)
    bar = tqdm(total=sum(images), initial=done, unit="image", smoothing=0.05, dynamic_ncols=True)
    with bar:
        for index in _rendered(dataset, folder, todo, max(1, min(workers, len(todo))), head):
            bar.update(images[index])


def _missing(dataset: Dataset, folder: Path, resume: bool) -> list[int]:
    """The shards that are still to be rendered."""
    if not (folder / ABOUT).exists():
        if folder.exists() and any(folder.iterdir()):
            raise DatasetError(f"{folder}: not empty and no dataset; name another folder.")
        return list(range(dataset.shards))
    about = read_about(folder)
    other = {k: about.get(k) for k, v in dataset.about().items() if about.get(k) != v and k != "people"}
    if other:
        told = ", ".join(f"{name} {value}" for name, value in other.items())
        raise DatasetError(f"{folder}: holds another dataset ({told}); name another folder, or the same settings.")
    if about["people"] > dataset.people:
        raise DatasetError(f"{folder}: holds {about['people']} people, more than {dataset.people}.")
    if not resume:
        raise DatasetError(f"{folder}: holds this dataset already; --resume renders what is missing of it.")
    todo = []
    for index in range(dataset.shards):
        if not shard_files(folder, index)[1].exists():
            todo.append(index)
            continue
        try:
            check_shard(folder, index, len(dataset.of_shard(index)) * dataset.views)
        except DatasetError as error:
            tqdm.write(f"people: {error} It is rendered again.")
            todo.append(index)
    return todo


def _rendered(dataset: Dataset, folder: Path, todo: list[int], workers: int, head: Path | None) -> Iterator[int]:
    """Renders shards and names each as it is done."""
    if workers == 1:
        studio = Studio(dataset, head) if todo else None
        for index in todo:
            studio.render_shard(folder, index)
            yield index
        return
    load_head(head)  # made once, not by each worker
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start_worker, (dataset, head, max(1, cores() // workers))
    )
    try:
        running = {pool.submit(_work, folder, index): index for index in todo}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                index = running.pop(future)
                future.result()
                yield index
    except BrokenProcessPool:
        raise DatasetError(
            "a worker was ended from outside, maybe for want of memory: use fewer --workers; finished shards are kept."
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in (pool._processes or {}).values():  # shards appear whole, so that a worker may stop anywhere
            process.terminate()


_studio: Studio | None = None


def _start_worker(dataset: Dataset, head: Path | None, threads: int) -> None:
    global _studio
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    os.environ.setdefault("LP_NUM_THREADS", str(threads))
    cv2.setNumThreads(1)
    _studio = Studio(dataset, head, threads)


def _work(folder: Path, index: int) -> None:
    _studio.render_shard(folder, index)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))
