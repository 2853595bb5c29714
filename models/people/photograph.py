"""What a photographer, a camera, a printer or a painter does to a picture: drawn once a person, applied to each view.

Lengths are pixels of a picture 256 a side and grow with it. Nothing here looks at what a picture shows (no automatic
exposure), so that views of a person differ by the person alone; grain too, where `rng` is seeded alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class Look:
    """One photographer's ways. Strengths are 0 where there is nothing of the kind."""

    medium: str  # a key of MEDIA
    exposure: float  # stops
    balance: tuple[float, ...]  # gains of linear R, G, B
    contrast: float  # slope at mid-grey, less 1
    shadows: tuple[float, ...]  # added to R, G, B where it is black: fading, and split tones
    highlights: tuple[float, ...]  # the same where it is white
    colour: tuple[float, ...]  # 3x3 by rows: saturation and crosstalk; three equal rows are black and white
    tone: tuple[float, ...]  # a print's tone: exponents of R, G, B over its greys
    vignette: float  # darkening in the corners, bleaching where below 0
    blur: float  # deviation
    shrink: float  # resolution of the sensor or scan, as a share
    bloom: float  # share of light scattered about
    sharpen: float  # strength of the unsharp mask
    noise: float  # deviation at mid-grey, of light
    colour_noise: float  # of colour, in blotches
    grain: float  # of film's grain
    grain_size: float  # deviation of one grain
    dust: int  # specks and scratches
    bleaching: float  # how unevenly a print has faded
    brush: float  # radius of what a brush smooths; 0 for no painting
    strokes: float  # relief of brush strokes
    canvas: float  # relief of the weave
    cracks: float  # darkness of craquelure
    jpeg: int  # quality
    texture: int  # seed of what stays in its place: dust, bleaching, strokes, canvas, cracks


def draw_look(rng: np.random.Generator) -> Look:
    """One look, from what cameras do and how the medium (`MEDIA`) differs from them."""
    names, shares = list(MEDIA), [share for share, _ in MEDIA.values()]
    medium = names[rng.choice(len(names), p=shares)]
    warmth, tint = rng.normal(0, 0.06), rng.normal(0, 0.02)
    look = {
        "exposure": rng.normal(0, 0.28),
        "balance": np.exp([warmth, tint, -1.3 * warmth]),
        "contrast": np.clip(rng.normal(0.24, 0.18), -0.3, 0.7),
        "shadows": rng.normal(0.005, 0.015) + rng.normal(0, 0.006, 3),
        "highlights": rng.normal(0, 0.008, 3),
        "colour": saturation(rng, rng.normal(1.0, 0.14)),
        "tone": np.ones(3),
        "vignette": max(0.0, rng.normal(0.0, 0.1)),
        "blur": rng.choice([0.0, rng.uniform(0.2, 0.6), rng.uniform(0.6, 1.3)], p=[0.45, 0.42, 0.13]),
        "shrink": rng.choice([1.0, rng.uniform(0.45, 0.9)], p=[0.8, 0.2]),
        "bloom": rng.choice([0.0, rng.uniform(0, 0.15)], p=[0.75, 0.25]),
        "sharpen": rng.choice([0.0, rng.uniform(0.1, 0.9)], p=[0.4, 0.6]),
        "noise": rng.gamma(1.3, 0.0055),
        "colour_noise": rng.gamma(1.2, 0.0035),
        **dict.fromkeys(("grain", "dust", "bleaching", "brush", "strokes", "canvas", "cracks"), 0),
        "grain_size": 0.6,
        "jpeg": rng.choice([rng.integers(82, 97), rng.integers(45, 82)], p=[0.75, 0.25]),
        "texture": rng.integers(2**31),
        **MEDIA[medium][1](rng),
    }
    plain = {name: tuple(map(float, np.ravel(v))) if np.ndim(v) else v for name, v in look.items()}
    whole = {name: int(plain.pop(name)) for name in ("jpeg", "dust", "texture")}
    return Look(medium, **whole, **{name: v if isinstance(v, tuple) else float(v) for name, v in plain.items()})


def digital(rng) -> dict:
    return {}


def film(rng) -> dict:
    """Colour film and its prints: grain, lifted blacks, shadows and highlights of different tints."""
    return {
        "contrast": rng.uniform(-0.15, 0.45),
        "shadows": rng.uniform(0, 0.09) + rng.normal(0, 0.025, 3),
        "highlights": rng.normal([0.0, -0.01, -0.045], 0.025),
        "colour": saturation(rng, rng.uniform(0.55, 1.2)),
        "vignette": rng.uniform(0, 0.25),
        "bloom": rng.uniform(0, 0.15),
        "sharpen": 0.0,
        **dict.fromkeys(("noise", "colour_noise"), 0.0),
        "grain": rng.uniform(0.006, 0.03),
        "grain_size": rng.uniform(0.4, 1.0),
    }


def monochrome(rng) -> dict:
    """Black and white: film or a converted digital picture, through any filter."""
    return {
        "contrast": rng.uniform(-0.1, 0.55),
        "shadows": np.full(3, rng.uniform(-0.02, 0.06)),
        "highlights": np.zeros(3),
        "colour": np.tile(rng.dirichlet([3.0, 5.0, 1.5]), 3),
        "tone": rng.choice([0.0, rng.uniform(0, 0.12)]) * np.array([-1.0, 0.1, 1.0]) + 1,
        "vignette": rng.uniform(0, 0.3),
        "colour_noise": 0.0,
        "grain": rng.choice([0.0, rng.uniform(0.008, 0.035)]),
        "grain_size": rng.uniform(0.4, 1.0),
    }


def old(rng) -> dict:
    """A print of a hundred years ago: blind to red, brown, faded, soft, dusty."""
    brown = rng.choice([rng.uniform(0.1, 0.45), rng.normal(0, 0.03)], p=[0.7, 0.3])
    return {
        "exposure": rng.normal(0.15, 0.3),
        "contrast": rng.uniform(-0.3, 0.35),
        "shadows": np.full(3, rng.uniform(0.0, 0.16)),
        "highlights": np.full(3, -rng.uniform(0, 0.12)),
        "colour": np.tile(rng.dirichlet([1.5, 5.0, 3.5]), 3),
        "tone": 1 + brown * np.array([-0.7, 0.1, 1.2]),
        "vignette": rng.uniform(-0.3, 0.45),
        "blur": rng.uniform(0.2, 1.5),
        "shrink": rng.choice([1.0, rng.uniform(0.5, 0.9)]),
        "bloom": rng.uniform(0, 0.2),
        "sharpen": 0.0,
        **dict.fromkeys(("noise", "colour_noise"), 0.0),
        "grain": rng.uniform(0.008, 0.04),
        "grain_size": rng.uniform(0.5, 1.2),
        "dust": rng.poisson(6) * rng.integers(0, 2),
        "bleaching": rng.uniform(0, 0.09),
    }


def painting(rng) -> dict:
    """Oil on canvas or panel: smoothed by the brush, few colours under a warm varnish, cracked with age."""
    varnish, aged = rng.uniform(0, 0.35), rng.random() < 0.55
    few = np.array([[0.75, 0.22, 0.03], [0.16, 0.74, 0.10], [0.10, 0.45, 0.45]])  # dull blues, greens nearer ochre
    limited = few + (np.eye(3) - few) * rng.uniform(0, 0.8)
    return {
        "exposure": rng.normal(-0.15, 0.3),
        "balance": np.exp([0.15 * varnish, 0, -1.6 * varnish]),
        "contrast": rng.uniform(0.0, 0.5),
        "shadows": rng.uniform(0, 0.06) + np.array([0.012, 0.005, -0.01]),
        "highlights": np.array([0.0, -0.02, -0.08]) * rng.uniform(0, 1.5),
        "colour": limited @ saturation(rng, rng.uniform(0.75, 1.25)).reshape(3, 3),
        "vignette": rng.uniform(0, 0.4),
        "blur": 0.0,
        "bloom": 0.0,
        "sharpen": rng.uniform(0, 0.5),
        "brush": rng.choice([rng.uniform(1.2, 2.5), rng.uniform(2.5, 4.5)]),
        "strokes": rng.uniform(0, 0.05),
        "canvas": rng.choice([0.0, rng.uniform(0.01, 0.05)]),
        "cracks": rng.uniform(0.08, 0.35) if aged else 0.0,
    }


def saturation(rng, strength: float, crosstalk: float = 0.03) -> np.ndarray:
    """[9]: a colour matrix that keeps greys, with the little crosstalk that tells sensors and films apart."""
    matrix = (1 - strength) * np.tile(LUMINANCE, (3, 1)) + strength * np.eye(3)
    mixed = rng.normal(0, crosstalk, (3, 3))
    return (matrix + mixed - mixed.mean(1, keepdims=True)).ravel()


# How often each medium comes, and what it changes of a camera's look.
MEDIA = {
    "digital": (0.66, digital),
    "film": (0.12, film),
    "monochrome": (0.07, monochrome),
    "old": (0.07, old),
    "painting": (0.08, painting),
}


def photograph(image: np.ndarray, look: Look, rng: np.random.Generator) -> np.ndarray:
    """A rendered picture, float32 [S,S,3] 0..1 sRGB -> uint8 [S,S,3] as the look shows it.

    `rng` draws grain and noise; everything else is the look's, the same for every view.
    """
    size = len(image)
    scale = size / 256
    x = developed(image, look)
    if look.brush:
        x = brushed(x, look, scale)
    x = focused(x, look, scale)
    x *= surface(look, size)[..., None]
    if look.dust:
        dust(x, look)
    speckled(x, look, scale, rng)
    if look.tone != (1.0, 1.0, 1.0):
        x = np.stack([cv2.pow(np.clip(x[..., i], 0, 1), tone) for i, tone in enumerate(look.tone)], -1)
    return compressed((np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8), look.jpeg)


def developed(image: np.ndarray, look: Look) -> np.ndarray:
    """Exposure, white balance, curve, shadows and highlights as one table a channel, then the colour matrix."""
    levels = np.linspace(0, 1, 1024)
    gains = 2**look.exposure * np.array(look.balance)
    y = (levels[:, None] ** 2.2 * gains) ** (1 / 2.2)  # [1024,3]
    y = np.where(y > 0.8, 0.8 + 0.2 * np.tanh((y - 0.8) / 0.2), y)  # highlights roll off
    y = y - look.contrast * np.sin(2 * np.pi * y) / (2 * np.pi)
    y = y + np.array(look.shadows) * (1 - y) ** 2 + np.array(look.highlights) * y**2
    index = (np.clip(image, 0, 1) * 1023 + 0.5).astype(np.intp)
    curved = np.stack([y[:, i].astype(np.float32)[index[..., i]] for i in range(3)], -1)
    return cv2.transform(curved, np.array(look.colour, np.float32).reshape(3, 3))


def focused(x: np.ndarray, look: Look, scale: float) -> np.ndarray:
    """The lens and the sensor: blur, resolution, bloom, sharpening."""
    size = len(x)
    if look.blur:
        x = cv2.GaussianBlur(x, (0, 0), look.blur * scale)
    if look.shrink < 1:
        small = cv2.resize(x, None, fx=look.shrink, fy=look.shrink, interpolation=cv2.INTER_AREA)
        x = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    if look.bloom:
        quarter = cv2.resize(np.maximum(x - 0.4, 0), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        glow = cv2.resize(cv2.GaussianBlur(quarter, (0, 0), 3 * scale), (size, size))
        x = x + look.bloom * glow
    if look.sharpen:
        x = x + look.sharpen * (x - cv2.GaussianBlur(x, (0, 0), 1.1 * scale))
    return x


def speckled(x: np.ndarray, look: Look, scale: float, rng) -> None:
    """Adds a sensor's noise, strongest in the dark where a curve lifts it, and film's grain, strongest in the greys."""
    size = len(x)
    light = np.clip(x.mean(-1), 0.02, 1)
    if look.noise:
        x += (look.noise * rng.standard_normal((size, size), np.float32) * (1.3 - 0.7 * light))[..., None]
    if look.colour_noise:
        blotches = rng.standard_normal((size // 2, size // 2, 3), np.float32)
        x += look.colour_noise * cv2.resize(blotches, (size, size), interpolation=cv2.INTER_CUBIC)
    if look.grain:
        grain = cv2.GaussianBlur(rng.standard_normal((size, size), np.float32), (0, 0), look.grain_size * scale)
        x += (look.grain / (grain.std() + 1e-6) * grain * (0.35 + 2.6 * light * (1 - light)))[..., None]


@lru_cache(maxsize=2)
def surface(look: Look, size: int) -> np.ndarray:
    """[S,S], what light is multiplied by: vignette, patches in which a print has faded, the canvas's weave and
    the cracks of old varnish.
    """
    rng = np.random.default_rng(look.texture)
    at = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    square = (at[None] ** 2 + at[:, None] ** 2) * 2  # 1 in the corners
    gain = 1 - look.vignette * square**1.3
    if look.bleaching:
        patches = cv2.resize(rng.standard_normal((5, 5), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        gain = gain + look.bleaching * patches
    if look.canvas:
        threads = rng.standard_normal((2, size, size), np.float32)
        fine, long = 0.45 * size / 256, 2.5 * size / 256
        weft = cv2.GaussianBlur(threads[0], (0, 0), long, sigmaY=fine)
        warp = cv2.GaussianBlur(threads[1], (0, 0), fine, sigmaY=long)
        gain = gain * (1 + look.canvas * (weft / weft.std() + warp / warp.std()) / 1.4)
    if look.cracks:
        patches = cv2.resize(rng.standard_normal((4, 4), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        gain = gain * (1 - look.cracks * craquelure(size, rng) * np.clip(0.5 + 0.7 * patches, 0, 1))
    return gain.astype(np.float32)


def dust(x: np.ndarray, look: Look) -> None:
    """Draws specks and scratches, light or dark."""
    size, rng = len(x), np.random.default_rng([look.texture, 1])
    for _ in range(look.dust):
        value = (0.9,) * 3 if rng.random() < 0.7 else (0.1,) * 3
        start = rng.uniform(0, size, 2)
        if rng.random() < 0.3:
            end = start + rng.normal(0, size * np.array([0.01, 0.3]))
            layer = x.copy()
            cv2.line(layer, start.astype(int).tolist(), end.astype(int).tolist(), value, 1, cv2.LINE_AA)
            cv2.addWeighted(layer, 0.45, x, 0.55, 0, dst=x)
        else:
            cv2.circle(x, start.astype(int).tolist(), int(rng.uniform(0, 1.6) * size / 256), value, -1, cv2.LINE_AA)


def brushed(x: np.ndarray, look: Look, scale: float) -> np.ndarray:
    """Smooths as a brush does: each point takes the mean of the most even of the four squares that it is a corner of
    (Kuwahara's filter, softly), and shows strokes that follow the edges.
    """
    k = max(2, round(look.brush * scale) + 1)
    grey = x @ LUMINANCE.astype(np.float32)
    total, weights = np.zeros_like(x), np.zeros_like(grey)
    for corner in ((0, 0), (k - 1, 0), (0, k - 1), (k - 1, k - 1)):
        mean = cv2.boxFilter(x, -1, (k, k), anchor=corner)
        middle = cv2.boxFilter(grey, -1, (k, k), anchor=corner)
        spread = np.maximum(cv2.boxFilter(grey * grey, -1, (k, k), anchor=corner) - middle**2, 0)
        weight = 1 / (1e-5 + spread) ** 3
        total += mean * weight[..., None]
        weights += weight
    smooth = total / weights[..., None]
    return smooth * (1 + look.strokes * strokes(grey, scale, np.random.default_rng([look.texture, 2])))[..., None]


def strokes(grey: np.ndarray, scale: float, rng) -> np.ndarray:
    """Noise [S,S] of deviation 1 drawn out along the edges of a picture (line integral convolution)."""
    size = len(grey)
    soft = cv2.GaussianBlur(grey, (0, 0), 2 * scale)
    gx, gy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    xx, xy, yy = (cv2.GaussianBlur(a, (0, 0), 4 * scale) for a in (gx * gx, gx * gy, gy * gy))
    along = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    step = 1.3 * scale
    dx, dy = (step * np.cos(along)).astype(np.float32), (step * np.sin(along)).astype(np.float32)
    noise = cv2.GaussianBlur(rng.standard_normal((size, size), np.float32), (0, 0), 0.6 * scale)
    column, row = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2)
    out = sum(
        cv2.remap(noise, column + i * dx, row + i * dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for i in range(-3, 4)
    )
    return out / (out.std() + 1e-6)


def craquelure(size: int, rng) -> np.ndarray:
    """A net of fine cracks, [S,S] 0..1: the borders of the cells around random points, drawn at twice the size."""
    n = 2 * size
    pitch = rng.uniform(0.03, 0.09) * n
    across = int(n / pitch) + 1
    points = (np.stack(np.meshgrid(*[np.arange(across)] * 2), -1).reshape(-1, 2) + rng.random((across**2, 2))) * pitch
    points = points[(points < n).all(1)].astype(int)
    seeds = np.full((n, n), 255, np.uint8)
    seeds[points[:, 1], points[:, 0]] = 0
    cells = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    lines = np.zeros((n, n), np.float32)
    lines[:, 1:] = cells[:, 1:] != cells[:, :-1]
    lines[1:] = np.maximum(lines[1:], cells[1:] != cells[:-1])
    wander = [2.5 * cv2.resize(rng.standard_normal((n // 12,) * 2, np.float32), (n, n)) for _ in range(2)]
    column, row = np.meshgrid(*[np.arange(n, dtype=np.float32)] * 2)
    lines = cv2.remap(lines, column + wander[0], row + wander[1], cv2.INTER_LINEAR)
    return cv2.resize(lines, (size, size), interpolation=cv2.INTER_AREA)


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG leaves of a picture, uint8 [S,S,3] RGB."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} cannot be compressed: it must be [S,S,3] uint8")
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
