"""What is measured: pictures against pictures, readings against readings, identities against identities.

Arrays in, floats or arrays out, NumPy throughout. A column without any spread has no correlation: nan, which the
tables print as a dash.
"""

from __future__ import annotations

import numpy as np
import torch
from pytorch_msssim import ms_ssim as _ms_ssim
from pytorch_msssim import ssim as _ssim
from scipy.linalg import sqrtm
from scipy.ndimage import laplace
from scipy.stats import rankdata

GREY = np.array([0.299, 0.587, 0.114])
WINDOW, SMALL_WINDOW = 11, 7  # MS-SSIM halves four times: 11 pixels need a side of more than 160, 7 of more than 96

# Pictures: uint8 [H,W,3]


def psnr(picture: np.ndarray, true: np.ndarray, mask: np.ndarray | None = None) -> float:
    """10 log10(255^2 / mean squared error), dB, over the bool `mask` [H,W] or everywhere; inf where they are equal."""
    error = (picture.astype(np.float64) - true.astype(np.float64)) ** 2
    mean = float((error if mask is None else error[mask]).mean())
    return float("inf") if mean == 0 else 10 * float(np.log10(255**2 / mean))


def ssim(picture: np.ndarray, true: np.ndarray) -> float:
    """Structural similarity, 1 for equal pictures: the mean over Gaussian windows (11 pixels, sigma 1.5) and colours of
    (2 m n + C1)(2 cov + C2) / ((m^2 + n^2 + C1)(var_m + var_n + C2)), C1 = (.01 255)^2, C2 = (.03 255)^2."""
    return float(_ssim(_planes(picture), _planes(true), data_range=255))


def ms_ssim(picture: np.ndarray, true: np.ndarray) -> float:
    """The product over five halvings of SSIM's contrast terms, and of SSIM itself at the coarsest, with the exponents
    .0448, .2856, .3001, .2363, .1333 (Wang, Simoncelli, Bovik 2003). Sides of 97 to 160 pixels are seen through windows
    of 7 instead of 11."""
    window = WINDOW if min(picture.shape[:2]) > (WINDOW - 1) * 16 else SMALL_WINDOW
    return float(_ms_ssim(_planes(picture), _planes(true), data_range=255, win_size=window))


def sharpness(picture: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Root mean square of the Laplacian of the grey picture, grey levels: divided by the true picture's, 1 is as sharp,
    less is blurred."""
    detail = laplace(picture.astype(np.float64) @ GREY, mode="nearest")
    return float(np.sqrt(((detail if mask is None else detail[mask]) ** 2).mean()))


def _planes(picture: np.ndarray) -> torch.Tensor:
    """float32: four times as fast as float64, and right to four digits."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()


# Readings: float [N] or [N,U], U of them side by side; the result has one value a column


def mae(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """mean |read - true|."""
    return np.abs(_float(read) - _float(true)).mean(0)


def mse(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """mean (read - true)^2."""
    return ((_float(read) - _float(true)) ** 2).mean(0)


def pearson(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """cov(read, true) / (std read std true)."""
    a, b = _centred(read), _centred(true)
    return _divided((a * b).mean(0), np.sqrt((a**2).mean(0) * (b**2).mean(0)))


def ccc(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Lin's concordance: 2 cov / (var read + var true + (mean read - mean true)^2)."""
    a, b = _centred(read), _centred(true)
    apart = (_float(read).mean(0) - _float(true).mean(0)) ** 2
    return _divided(2 * (a * b).mean(0), (a**2).mean(0) + (b**2).mean(0) + apart)


def icc(*readers: np.ndarray) -> np.ndarray:
    """ICC(3,1) of k readers (Shrout and Fleiss 1979): (BMS - EMS) / (BMS + (k - 1) EMS), the mean squares between
    targets and of what neither target nor reader explains. A constant offset of a reader costs nothing, a gain does."""
    ratings = np.stack([_float(reader) for reader in readers], axis=1)  # [N,k,...]
    n, k = ratings.shape[:2]
    grand = ratings.mean((0, 1))
    targets, offsets = ratings.mean(1), ratings.mean(0)
    between = k * ((targets - grand) ** 2).sum(0) / (n - 1)
    rest = ratings - targets[:, None] - offsets[None] + grand
    error = (rest**2).sum((0, 1)) / ((n - 1) * (k - 1))
    return _divided(between - error, between + (k - 1) * error)


def slope(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Of the least-squares line of `read` over `true`, cov / var true: 1 is calibrated, less is timid."""
    a, b = _centred(read), _centred(true)
    return _divided((a * b).mean(0), (b**2).mean(0))


def binned(read: np.ndarray, true: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean of `read` [N], mean of `true` [N]) in each bin edges[i] <= true < edges[i + 1]; nan where it is empty."""
    place = np.digitize(true, edges) - 1
    means = [(read[place == i], true[place == i]) for i in range(len(edges) - 1)]
    return tuple(np.array([m[j].mean() if len(m[j]) else np.nan for m in means]) for j in (0, 1))


def balanced_accuracy(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Of bool arrays: (found of those present + left alone of those absent) / 2."""
    present, absent = _divided((read & true).sum(0), true.sum(0)), _divided((~read & ~true).sum(0), (~true).sum(0))
    return (present + absent) / 2


def f_score(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Of bool arrays: 2 TP / (2 TP + FP + FN)."""
    hits = 2 * (read & true).sum(0)
    return _divided(hits, hits + (read != true).sum(0))


def pose_error(read: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Degrees [N,3] between angles [N,3] in radians, each by itself, the short way round."""
    return np.degrees(np.abs(np.angle(np.exp(1j * (_float(read) - _float(true))))))


def _float(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float64)


def _centred(values: np.ndarray) -> np.ndarray:
    return _float(values) - _float(values).mean(0)


def _divided(over, under) -> np.ndarray:
    over, under = np.asarray(over, np.float64), np.asarray(under, np.float64)
    return np.where(under > 1e-12, over / np.where(under > 1e-12, under, 1), np.nan)


# Identities: embeddings float [N,D] of length 1


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine [N] of pairs of embeddings."""
    return (a * b).sum(-1)


def content_distance(a: np.ndarray, b: np.ndarray) -> float:
    """ACD (GANimation, tables 1 and 2): mean |a - b| of pairs of embeddings; of unit length, so sqrt(2 - 2 cosine)."""
    return float(np.linalg.norm(a - b, axis=-1).mean())


def roc_auc(same: np.ndarray, different: np.ndarray) -> float:
    """Area under the ROC curve: how often a pair of one person scores higher than one of two (ties count half)."""
    ranks = rankdata(np.concatenate([same, different]))[: len(same)]
    return float((ranks.sum() - len(same) * (len(same) + 1) / 2) / (len(same) * len(different)))


def tar_at_far(same: np.ndarray, different: np.ndarray, far: float) -> float:
    """Share of the pairs of one person accepted at the threshold that the share `far` of strangers passes."""
    threshold = np.quantile(different, 1 - far)
    return float((same > threshold).mean())


def best_threshold(same: np.ndarray, different: np.ndarray) -> float:
    """The score from which pairs are called one person with the highest balanced accuracy."""
    scores = np.unique(np.concatenate([same, different]))
    cuts = np.concatenate([[scores[0] - 1], (scores[1:] + scores[:-1]) / 2, [scores[-1] + 1]])
    accepted = 1 - np.searchsorted(np.sort(same), cuts) / len(same)
    refused = np.searchsorted(np.sort(different), cuts) / len(different)
    return float(cuts[np.argmax(accepted + refused)])


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mean a - mean b|^2 + trace(A + B - 2 (A B)^(1/2)) with the covariances A, B of features [N,D] and [M,D].

    With Inception's features this is FID. Here it is taken over the identity network's embeddings, so its numbers
    compare with no published FID.
    """
    apart = a.mean(0) - b.mean(0)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.asarray(sqrtm(np.atleast_2d(first @ second))).real if a.shape[1] > 1 else np.sqrt(first * second)
    return max(0.0, float(apart @ apart + np.trace(np.atleast_2d(first + second - 2 * root))))
