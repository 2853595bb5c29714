"""What stands behind a person: walls, studio paper, rooms, windows, leaves, streets, painted grounds, out of focus as
a lens leaves them.

Scenes are laid out small, in linear light with highlights above 1, and thrown out of focus by the disc of an aperture,
so that lamps and gaps in leaves become discs of light of themselves. Units are shares of the picture's side.
"""

from __future__ import annotations

import cv2
import numpy as np

WORKING_SIZE = 160  # pixels a side of a scene that will be out of focus: enough for what is left of it
# Linear RGB: the grounds of old portraits, and leaves.
GROUNDS = ((0.055, 0.036, 0.02), (0.045, 0.045, 0.025), (0.05, 0.05, 0.05), (0.09, 0.06, 0.03), (0.02, 0.018, 0.016))
GROUNDS += ((0.10, 0.03, 0.02), (0.04, 0.06, 0.06), (0.2, 0.17, 0.12))
SPRING = ((0.10, 0.17, 0.035), (0.05, 0.10, 0.03), (0.20, 0.26, 0.05), (0.07, 0.13, 0.07))
AUTUMN = ((0.35, 0.16, 0.03), (0.3, 0.07, 0.03), (0.25, 0.2, 0.05), (0.1, 0.1, 0.03))


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """A background, float32 [size,size,3] RGB in 0..1 (sRGB). The same generator state gives the same picture."""
    kinds, shares = zip(*KINDS.items(), strict=True)
    draw = kinds[rng.choice(len(kinds), p=np.array(shares) / sum(shares))]
    return np.clip(draw(rng, size), 0.0, 1.0).astype(np.float32)


def plain_wall(rng, size):
    """A painted wall with a lamp's falloff, near enough to carry a little plaster."""
    colour = muted(rng, 0.12, 0.95, 0.35)
    scene = colour * falloff(rng, size, rng.uniform(0.05, 0.6))[..., None]
    scene *= 1 + rng.uniform(0, 0.025) * noise(rng, size, rng.uniform(8, 60), 3)[..., None]
    if rng.random() < 0.25:  # a corner, or the edge of a door
        side = edge(size, rng.uniform(0.05, 0.95), rng.normal(0, 0.03), rng.uniform(0.005, 0.05))
        scene *= 1 + rng.uniform(-0.45, 0.3) * side[..., None]
    return to_srgb(scene)


def studio_paper(rng, size):
    """A photographer's roll of paper or dyed muslin, lit behind the sitter."""
    colour = muted(rng, 0.05, 1.0, rng.choice([0.05, 0.5]))
    x, y = plane(size)
    lamp = np.hypot(x - rng.normal(0.5, 0.2), y - rng.normal(0.5, 0.2)) / rng.uniform(0.35, 0.9)
    light = rng.uniform(0.25, 1.0) + rng.uniform(0, 1.1) * np.exp(-(lamp**2))
    if rng.random() < 0.4:
        light *= np.maximum(1 + rng.uniform(0.04, 0.16) * noise(rng, size, rng.uniform(2, 6), 3), 0.1)  # muslin
    return to_srgb(colour * light[..., None])


def gradient(rng, size):
    """Two colours that run into each other, as in a retouched portrait."""
    a, b = muted(rng, 0.03, 1.0, 0.6), muted(rng, 0.03, 1.0, 0.6)
    mix = np.clip(0.5 + ramp(rng, size) * rng.uniform(0.6, 1.6) + 0.15 * noise(rng, size, 2, 1), 0, 1)
    return to_srgb(a + (b - a) * mix[..., None])


def room(rng, size):
    """Indoors: a wall, furniture, pictures, shelves, lamps."""
    n = WORKING_SIZE
    wall = warm(rng) * muted(rng, 0.08, 0.7, 0.3)
    scene = (wall * falloff(rng, n, 0.7)[..., None]).astype(np.float32)
    for _ in range(rng.integers(3, 14)):
        colour = np.clip(wall * rng.uniform(0.15, 2.2), 0, 1.0) if rng.random() < 0.6 else muted(rng, 0.02, 0.7, 0.7)
        box = [rng.uniform(-0.2, 1.1), rng.uniform(-0.1, 1.0), rng.uniform(0.03, 0.5), rng.uniform(0.03, 0.6)]
        rectangle(scene, *box, colour * rng.uniform(0.5, 1.2))
    if rng.random() < 0.3:
        shelf(rng, scene)
    if rng.random() < 0.3:
        floor = edge(n, rng.uniform(0.6, 1.0), 0, 0.01).T[..., None]
        scene = scene * (1 - floor) + floor * muted(rng, 0.05, 0.4, 0.5)
    lamps(rng, scene, rng.integers(0, 4), warm(rng), 0.035)
    return finish(rng, scene, size, (0.018, 0.08))


def window(rng, size):
    """Daylight through a window, with or without a curtain."""
    n = WORKING_SIZE
    scene = muted(rng, 0.03, 0.4, 0.3) * falloff(rng, n, 0.6)[..., None]
    left, top, width, height = rng.uniform((-0.3, -0.3, 0.3, 0.5), (0.7, 0.2, 0.8, 1.0))
    sky = np.array([0.8, 0.92, 1.05]) * rng.uniform(0.8, 2.5)
    outside = sky * (1 + 0.3 * noise(rng, n, 5, 2)[..., None])
    if rng.random() < 0.5:
        outside = np.where(noise(rng, n, 7, 3)[..., None] > 0.1, outside, leaf_colours(rng, n))
    pane = np.zeros((n, n, 1), np.float32)
    rectangle(pane, left, top, width, height, 1.0)
    scene = scene * (1 - pane) + outside * pane
    frame = muted(rng, 0.05, 0.9, 0.15)
    bars = rng.integers(1, 4)
    for i in range(bars + 1):
        rectangle(scene, left + width * i / bars - 0.012, top, 0.025, height, frame)
    rectangle(scene, left, top + height * rng.uniform(0.3, 0.7), width, 0.025, frame)
    if rng.random() < 0.4:
        folds = 1 + 0.35 * np.sin(plane(n)[0] * rng.uniform(40, 120) + 2 * noise(rng, n, 3, 1))
        curtain = edge(n, left + width * rng.uniform(0.2, 1), 0.02, 0.01)[..., None] * rng.uniform(0.6, 1)
        scene = scene * (1 - curtain) + curtain * (muted(rng, 0.2, 0.9, 0.3) * folds[..., None])
    return finish(rng, scene, size, (0.015, 0.07))


def foliage(rng, size):
    """Leaves with sunlit gaps."""
    n = WORKING_SIZE
    scene = leaf_colours(rng, n)
    depth = noise(rng, n, rng.uniform(2, 6), 2)
    scene *= np.clip(0.6 + 0.3 * depth, 0.15, 1.3)[..., None]
    gaps = np.clip(2 * (noise(rng, n, rng.uniform(6, 25), 2) + 0.7 * depth - rng.uniform(0.9, 3)), 0, 1)[..., None]
    scene += gaps * (np.array([0.9, 1.0, 1.0]) * rng.uniform(0.3, 1.5) - scene)
    for _ in range(rng.integers(0, 4)):  # trunks and branches
        trunk(rng, scene, np.array([0.12, 0.085, 0.06]) * rng.uniform(0.3, 2))
    lamps(rng, scene, rng.integers(0, 40), np.array([0.9, 1.0, 0.55]), 0.012)
    return finish(rng, scene, size, (0.02, 0.09))


def outdoors(rng, size):
    """Sky, trees or houses on the horizon, grass, sand, water or paving below."""
    n = WORKING_SIZE
    y = plane(n)[1]
    horizon = rng.uniform(0.15, 1.05)
    clear, haze = np.array([0.22, 0.42, 0.85]), np.array([0.75, 0.82, 0.9])
    if rng.random() < 0.2:  # evening
        clear, haze = np.array([0.25, 0.25, 0.45]), np.array([1.2, 0.65, 0.35])
    cloudy = np.clip(0.35 + 0.5 * y / horizon + rng.uniform(0, 0.3) * noise(rng, n, 3, 4), 0, 1)[..., None]
    scene = (clear * (1 - cloudy) + haze * cloudy) * rng.uniform(0.5, 1.3)
    ground = (np.array([0.10, 0.16, 0.04]), np.array([0.45, 0.38, 0.26]), np.array([0.1, 0.17, 0.22]), np.full(3, 0.25))
    below = ground[rng.integers(4)] * rng.uniform(0.5, 1.8) * (1 + 0.12 * noise(rng, n, 12, 3)[..., None])
    scene = np.where((y > horizon)[..., None], below, scene)
    crown = horizon - np.maximum(0.0, rng.uniform(0, 0.4) * (0.7 + 0.6 * line(rng, n, 6)))
    trees = ((y > crown[None]) & (y < horizon + 0.02))[..., None]
    scene = np.where(trees, leaf_colours(rng, n) * rng.uniform(0.3, 1.0), scene)
    if rng.random() < 0.35:
        houses(rng, scene, horizon)
    return finish(rng, scene, size, (0.012, 0.06))


def street(rng, size):
    """Facades, shop windows, passers-by and lights."""
    n = WORKING_SIZE
    scene = np.empty((n, n, 3), np.float32)
    scene[:] = np.array([0.7, 0.78, 0.9]) * rng.uniform(0.3, 1.4)
    houses(rng, scene, rng.uniform(0.75, 1.1))
    for _ in range(rng.integers(0, 4)):  # passers-by
        x, wide, top = rng.uniform((0, 0.04, 0.35), (1, 0.12, 0.7))
        rectangle(scene, x, top, wide, 1, muted(rng, 0.01, 0.5, 0.7))
        spot(scene, x + wide / 2, top - wide * 0.2, wide * 0.28, np.array([0.45, 0.28, 0.2]) * rng.uniform(0.3, 1.2))
    lamps(rng, scene, rng.integers(0, 12), warm(rng), 0.015)
    return finish(rng, scene, size, (0.018, 0.08))


def night(rng, size):
    """A dark place with coloured lights far behind."""
    n = WORKING_SIZE
    scene = muted(rng, 0.004, 0.06, 0.5) * np.exp(0.4 * noise(rng, n, 2, 2)[..., None])
    for _ in range(rng.integers(1, 5)):
        rectangle(scene, *rng.uniform(-0.1, 0.9, 2), *rng.uniform(0.02, 0.4, 2), muted(rng, 0.005, 0.15, 0.9))
    for _ in range(rng.integers(2, 5)):
        lamps(rng, scene, rng.integers(2, 14), saturated(rng), 0.012)
    return finish(rng, scene, size, (0.02, 0.07), (0.03, 0.2))


def bricks(rng, size):
    """A wall of bricks, tiles or boards, a little out of focus."""
    x, y = plane(size)
    rows, long = rng.uniform(6, 22), rng.uniform(1.5, 4.5)
    course = np.floor(y * rows + rng.uniform(0, 1))
    along = x * rows / long + 0.5 * (course % 2) + rng.uniform(0, 1)
    joint = rng.uniform(0.04, 0.12)
    u, v = along % 1, (y * rows) % 1
    stone = (u > joint / long) & (v > joint)
    shade = np.sin(course * 12.9898 + np.floor(along) * 78.233) * 43758.5453 % 1
    brick = np.array([0.36, 0.15, 0.09]) if rng.random() < 0.4 else muted(rng, 0.08, 0.8, 0.4)
    mortar = brick * rng.uniform(0.4, 1.3) + rng.uniform(0, 0.15)
    spread = rng.uniform(0.1, 0.7)
    scene = np.where(stone[..., None], brick * (1 - spread / 2 + spread * shade)[..., None], mortar)
    scene = scene * (falloff(rng, size, 0.4) * (1 + 0.12 * noise(rng, size, 60, 3)))[..., None]
    return to_srgb(cv2.GaussianBlur(scene.astype(np.float32), (0, 0), size * rng.uniform(0.003, 0.02)))


def painted_ground(rng, size):
    """The dark ground of an old portrait: umber, olive or grey, lighter on one side, brushed."""
    colour = np.array(GROUNDS[rng.integers(len(GROUNDS))]) * rng.uniform(0.5, 1.6)
    light = 1 + rng.uniform(0.2, 1.2) * ramp(rng, size) + rng.uniform(0.05, 0.3) * noise(rng, size, 3, 3)
    return to_srgb(colour * np.maximum(light * brushed(rng, size), 0.1)[..., None])


def painted_landscape(rng, size):
    """Hills behind hills under a yellowed sky, loosely painted."""
    y = plane(size)[1]
    top = rng.uniform(0.2, 0.6)
    sky, deep = np.array([0.42, 0.40, 0.24]), np.array([0.12, 0.20, 0.22])
    scene = (sky + (deep - sky) * np.clip(1 - y / top, 0, 1)[..., None]) * rng.uniform(0.4, 1.1)
    for i in range(5):
        crest = top + i * rng.uniform(0.05, 0.15) + 0.06 * line(rng, size, 3 + i)
        near = i / 4
        hill = (1 - near) * np.array([0.14, 0.19, 0.18]) + near * np.array([0.09, 0.075, 0.03])
        scene = np.where((y > crest[None])[..., None], hill * rng.uniform(0.5, 1.2), scene)
    scene = scene * np.maximum(brushed(rng, size) * (1 + 0.25 * noise(rng, size, 12, 4)), 0.1)[..., None]
    return to_srgb(cv2.GaussianBlur(scene.astype(np.float32), (0, 0), size * 0.008))


# How often each stands behind somebody, relative to the others.
KINDS = {
    plain_wall: 16,
    studio_paper: 15,
    gradient: 6,
    room: 15,
    window: 6,
    foliage: 12,
    outdoors: 10,
    street: 6,
    night: 4,
    bricks: 4,
    painted_ground: 5,
    painted_landscape: 2,
}


# What scenes are made of. Pictures are linear light, float32 [n,n] or [n,n,C].


def plane(n: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y, float32 [n,n], 0..1 from the left and from the top."""
    at = (np.arange(n, dtype=np.float32) + 0.5) / n
    return np.meshgrid(at, at)


def noise(rng, n: int, cells: float, octaves: int) -> np.ndarray:
    """Smooth noise [n,n] of mean 0 and deviation about 1 that starts with `cells` bumps a side."""
    out, weight = np.zeros((n, n), np.float32), 1.0
    for _ in range(octaves):
        across = int(min(cells, n)) + 3
        grid = rng.standard_normal((across, across), np.float32)
        out += weight * cv2.resize(grid, (n, n), interpolation=cv2.INTER_CUBIC)
        cells, weight = cells * 2, weight * 0.55
    return out


def line(rng, n: int, cells: int) -> np.ndarray:
    """Rough noise along a line, [n], of mean 0 and deviation about 1: a crest of hills or trees."""
    out, weight = np.zeros((1, n), np.float32), 1.0
    for _ in range(4):
        grid = rng.standard_normal((1, min(cells, n) + 3), np.float32)
        out += weight * cv2.resize(grid, (n, 1), interpolation=cv2.INTER_CUBIC)
        cells, weight = cells * 2, weight * 0.55
    return out[0]


def ramp(rng, n: int) -> np.ndarray:
    """-0.7..0.7 across the picture in a random direction."""
    x, y = plane(n)
    angle = rng.uniform(0, 2 * np.pi)
    return (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)


def falloff(rng, n: int, depth: float) -> np.ndarray:
    """Light that dims away from a lamp at the side: [n,n], 1 at its brightest."""
    x, y = plane(n)
    distance = np.hypot(x - rng.uniform(-0.3, 1.3), y - rng.uniform(-0.4, 0.8))
    return 1 - depth * np.clip(distance / 1.2, 0, 1)


def edge(n: int, at: float, slant: float, softness: float) -> np.ndarray:
    """[n,n]: 0 left of `at`, 1 right of it."""
    x, y = plane(n)
    return np.clip((x + slant * (y - 0.5) - at) / softness + 0.5, 0, 1)


def rectangle(scene, left: float, top: float, width: float, height: float, colour) -> None:
    n = len(scene)
    x0, x1, y0, y1 = (round(np.clip(v, 0, 1) * n) for v in (left, left + width, top, top + height))
    scene[y0:y1, x0:x1] = colour


def spot(scene, x: float, y: float, radius: float, colour) -> None:
    at = np.hypot(plane(len(scene))[0] - x, plane(len(scene))[1] - y) < radius
    scene[at] = colour


def lamps(rng, scene, count: int, tint: np.ndarray, radius: float) -> None:
    """Adds small lights, far brighter than the scene."""
    n = len(scene)
    for _ in range(count):
        x, y, r = rng.integers(0, n), rng.integers(0, n), max(1, round(rng.uniform(0.3, 1) * radius * n))
        scene[max(0, y - r + 1) : y + r, max(0, x - r + 1) : x + r] += tint * np.float32(rng.uniform(1, 9))


def trunk(rng, scene, colour) -> None:
    n = len(scene)
    ends = rng.uniform(-0.2, 1.2, 2) * n
    a, b = (int(ends[0]), -5), (int(ends[1]), n + 5)
    mask = np.zeros((n, n), np.uint8)
    cv2.line(mask, a, b, 1, int(rng.integers(2, 14)))
    scene[mask > 0] = colour


def shelf(rng, scene) -> None:
    """Rows of books."""
    n = len(scene)
    left, top, height = rng.uniform(-0.3, 0.6), rng.uniform(0, 0.3), rng.uniform(0.12, 0.25)
    for row in range(4):
        x, y = left, top + row * (height + 0.03)
        while x < left + 0.7:
            width = rng.uniform(0.012, 0.04)
            tall = height * rng.uniform(0.65, 0.98)
            rectangle(scene, x, y + height - tall, width * 0.9 + 1 / n, tall, muted(rng, 0.01, 0.4, 0.5))
            x += width
        rectangle(scene, left, y + height, 0.7, 0.03, np.array([0.16, 0.09, 0.05]))


def houses(rng, scene, ground: float) -> None:
    x = -rng.uniform(0, 0.3)
    while x < 1:
        width, top = rng.uniform(0.15, 0.6), rng.uniform(-0.3, 0.6)
        wall = warm(rng) * muted(rng, 0.06, 0.7, 0.35)
        rectangle(scene, x, top, width, ground - top, wall)
        step_x, step_y, dark = rng.uniform(0.06, 0.2), rng.uniform(0.1, 0.25), rng.uniform(0.03, 1.8)
        for wx in np.arange(x + step_x * 0.3, x + width - step_x * 0.6, step_x):
            for wy in np.arange(top + step_y * 0.3, ground - step_y * 0.6, step_y):
                lit = np.array([0.5, 0.6, 0.7]) * dark * rng.uniform(0.3, 1)
                rectangle(scene, wx, wy, step_x * 0.55, step_y * 0.6, lit)
        x += width
    rectangle(scene, 0, ground, 1, 1, np.full(3, rng.uniform(0.08, 0.4)))


def leaf_colours(rng, n: int) -> np.ndarray:
    """[n,n,3]: greens, or autumn's or dry grass's browns and yellows, varied in patches."""
    season = SPRING if rng.random() < 0.85 else AUTUMN
    first, second = (np.array(season[i]) * rng.uniform(0.6, 1.5) for i in rng.integers(0, 4, 2))
    mix = np.clip(0.5 + 0.4 * noise(rng, n, 4, 2), 0, 1)[..., None]
    light = np.exp(rng.uniform(0.3, 0.7) * noise(rng, n, rng.uniform(14, 40), 2))[..., None]
    return ((first + (second - first) * mix) * light).astype(np.float32)


def brushed(rng, n: int) -> np.ndarray:
    """Strokes of a wide brush: [n,n] about 1."""
    grain = rng.standard_normal((n, n), np.float32)
    long, angle = max(3, n // 14), rng.uniform(0, np.pi)
    kernel = np.zeros((long, long), np.float32)
    middle, reach = long // 2, long / 2
    tip = round(np.cos(angle) * reach), round(np.sin(angle) * reach)
    cv2.line(kernel, (middle - tip[0], middle - tip[1]), (middle + tip[0], middle + tip[1]), 1.0, 1)
    strokes = cv2.filter2D(grain, -1, kernel / kernel.sum())
    return 1 + rng.uniform(0.03, 0.15) * strokes / (strokes.std() + 1e-6)


# Colours, linear RGB.


def muted(rng, darkest: float, brightest: float, colourful: float) -> np.ndarray:
    """A colour as walls and cloth have it: luminance spread evenly to the eye, saturation up to `colourful`."""
    hue = rng.uniform(0, 2 * np.pi)
    value = rng.uniform(darkest ** (1 / 2.2), brightest ** (1 / 2.2)) ** 2.2
    wheel = np.cos(hue - np.array([0, 2, 4]) * np.pi / 3)
    colour = 1 + colourful * rng.beta(1.2, 3) * 1.6 * wheel
    return (value * np.clip(colour, 0.03, None)).astype(np.float32)


def saturated(rng) -> np.ndarray:
    wheel = 0.5 + 0.5 * np.cos(rng.uniform(0, 2 * np.pi) - np.array([0, 2, 4]) * np.pi / 3)
    return (0.1 + wheel**2).astype(np.float32)


def warm(rng) -> np.ndarray:
    """The colour of indoor light, lamp to daylight."""
    k = rng.uniform(0, 1)
    return np.array([1.0, 1 - 0.28 * k, 1 - 0.6 * k], np.float32)


# The camera's side.


def finish(rng, scene: np.ndarray, size: int, blur: tuple[float, float], brightness=(0.1, 0.75)) -> np.ndarray:
    """Exposes a scene towards a `brightness` between two (sRGB) and throws it out of focus by a random disc."""
    level = float(np.exp(np.log(np.maximum(scene.max(2), 1e-3)).mean()))
    exposure = (rng.uniform(*brightness) ** 2.2 / level) ** rng.uniform(0.4, 0.9)
    radius = np.exp(rng.uniform(*np.log(blur)))
    soft = defocus((np.maximum(scene, 0) * exposure).astype(np.float32), radius * len(scene))
    return to_srgb(cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC))


def defocus(scene: np.ndarray, radius: float) -> np.ndarray:
    """Convolution with the disc of an aperture, `radius` in pixels: linear light [n,n,3] -> the same."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(scene, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)


def to_srgb(scene: np.ndarray) -> np.ndarray:
    """Linear light -> 0..1, highlights rolled off above .8."""
    x = np.maximum(scene, 0).astype(np.float32)
    over = np.maximum(x - 0.8, 0)
    x = np.minimum(x, 0.8) + over / (1 + over / 0.2)
    return cv2.pow(x, 1 / 2.2)
