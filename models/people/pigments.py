"""The colours of skin and hair from what makes them: melanin and blood, by their measured spectra.

Absorption of melanin, of tissue and the scattering of the dermis after Jacques, "Skin Optics" (1998) and Donner and
Jensen, "A Spectral BSSRDF for Shading Human Skin" (2006); molar extinction of haemoglobin after Prahl's compilation
(1999). Colours are linear sRGB of diffuse reflection under daylight (D65).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WAVELENGTHS = np.arange(400, 701, 10, dtype=float)  # nm
# fmt: off
OXYGENATED = np.array([  # cm^-1 per mol/l, one value a wavelength
    266232, 466840, 480360, 246072, 102580, 62816, 44480, 33209, 26629, 23684, 20932, 20035, 24202, 39957, 53236, 43016,
    32613, 44496, 50104, 14400, 3200, 1506, 942, 610, 442, 368, 320, 294, 277.6, 276, 290,
])
DEOXYGENATED = np.array([
    223296, 303956, 407560, 528600, 413280, 103292, 23389, 16156, 14550, 16684, 20862, 25774, 31590, 39036, 46592,
    53412, 53788, 45072, 37020, 28324, 14677, 9444, 6510, 5149, 4345, 3750, 3227, 2795, 2408, 2052, 1794,
])
DAYLIGHT = np.interp(WAVELENGTHS, np.arange(400, 701, 20), [  # D65
    82.75, 93.43, 104.86, 117.81, 115.92, 109.35, 104.79, 104.41, 100, 95.79, 90.01, 87.7, 83.7, 80.2, 78.3, 71.6,
])
# fmt: on
TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
MELANISED = 0.0060  # cm of epidermis that hold melanin
CLUMP = 0.0012  # cm: melanin comes in grains that shade each other, which flattens its spectrum
PATH = 2.7  # how much longer than twice its depth diffuse light's way through the epidermis is, in all
SURFACE = 0.025  # what the horny layer scatters before light meets any pigment
OXYGEN = 0.75  # of the blood's haemoglobin with oxygen


def skin_colour(melanin: float, blood: float, oxygen: float = OXYGEN, red: float = 0.0) -> np.ndarray:
    """Linear RGB [3] of skin.

    melanin: share of the epidermis, .01 (very pale) .. .45 (very dark); blood: share of the dermis, .006 (pale) .. .012
    (most skin) .. .08 (lips); oxygen 0..1: less is bluer; red 0..1: share of phaeomelanin in the melanin.
    """
    wave = WAVELENGTHS
    tissue = 0.244 + 85.3 * np.exp(-(wave - 154) / 66.2)  # cm^-1
    eumelanin, phaeomelanin = 6.6e11 * wave**-3.33, 2.9e15 * wave**-4.75
    pigment = (1 - red) * eumelanin + red * phaeomelanin
    pigment = (1 - np.exp(-CLUMP * pigment)) / CLUMP
    epidermis = melanin * pigment + (1 - melanin) * tissue
    haemoglobin = 2.303 * 150 / 64500 * (oxygen * OXYGENATED + (1 - oxygen) * DEOXYGENATED)
    dermis = blood * haemoglobin + (1 - blood) * tissue
    scattering = 2e12 * wave**-4 + 2e5 * wave**-1.5  # reduced, cm^-1: Rayleigh and Mie
    albedo = scattering / (scattering + dermis)
    reach = np.sqrt(3 * (1 - albedo))
    below = albedo / 2 * (1 + np.exp(-4 / 3 * 2.1 * reach)) * np.exp(-reach)  # semi-infinite, index 1.4
    return _seen(SURFACE + (1 - SURFACE) * np.exp(-PATH * MELANISED * epidermis) * below)


def hair_colour(eumelanin: float, phaeomelanin: float, grey: float = 0.0) -> np.ndarray:
    """Linear RGB [3] of a lock of hair.

    eumelanin: 0 (white) .. 8 (black); phaeomelanin: 0 .. 3 (ginger); grey 0..1: share of white hairs.

    Absorption of eumelanin by d'Eon et al., "An Energy-Conserving Hair Reflectance Model" (2011), of phaeomelanin a
    little redder than theirs; a lock's colour falls with the root of absorption, as Chiang et al. (2016) found.
    """
    absorption = eumelanin * np.array([0.419, 0.697, 1.37]) + phaeomelanin * np.array([0.12, 0.5, 1.15])
    lock = np.exp(-np.sqrt(absorption) * LOCK)
    return lock + grey * (WHITE_HAIR - lock)


WHITE_HAIR = np.array([0.62, 0.60, 0.56])
LOCK = 3.0  # how often light goes through the hairs of a lock before it leaves it


@lru_cache(maxsize=1)
def _weights() -> np.ndarray:
    """[31,3]: reflectance at each wavelength -> linear sRGB; white -> 1, 1, 1."""

    def lobe(peak, mean, left, right):
        return peak * np.exp(-0.5 * ((WAVELENGTHS - mean) / np.where(mean > WAVELENGTHS, left, right)) ** 2)

    # CIE 1931 in Gaussians: Wyman, Sloan and Shirley (2013).
    x = lobe(1.056, 599.8, 37.9, 31.0) + lobe(0.362, 442.0, 16.0, 26.7) - lobe(0.065, 501.1, 20.4, 26.2)
    y = lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1)
    z = lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8)
    xyz = np.stack([x, y, z], 1) * DAYLIGHT[:, None] / (y * DAYLIGHT).sum()
    weights = xyz @ TO_SRGB.T
    return weights / weights.sum(0)


def _seen(reflectance: np.ndarray) -> np.ndarray:
    return np.clip(reflectance @ _weights(), 0.002, 1)
