"""The four papers' own figures, as printed; nan for what they do not give."""

from __future__ import annotations

EGGAN, ICFACE, AIP_GAN, GANIMATION = "EGGAN", "ICface", "AIP-GAN", "GANimation"

# EGGAN, table 1: 17 units in OpenFace's order, then their mean
EGGAN_MSE: dict[str, tuple[float, ...]] = {
    "HomoInterpGAN (paper)": (
        *(0.56, 0.86, 0.88, 1.68, 0.23, 1.26, 0.60, 0.08, 0.03, 0.11, 0.17, 0.08, 0.25, 0.01, 0.10, 0.13, 0.02, 0.41),
    ),
    "StarGAN (paper)": (
        *(0.85, 1.59, 0.66, 1.62, 0.43, 1.04, 0.59, 0.26, 0.77, 0.27, 0.21, 0.14, 0.30, 0.01, 1.09, 0.39, 0.00, 0.60),
    ),
    "EGGAN (paper)": (
        *(0.13, 0.13, 0.49, 0.35, 0.21, 0.49, 0.33, 0.14, 0.41, 0.16, 0.15, 0.18, 0.26, 0.01, 0.51, 0.14, 0.00, 0.24),
    ),
}
EGGAN_PCC: dict[str, tuple[float, ...]] = {
    "HomoInterpGAN (paper)": (
        *(0.64, 0.68, 0.69, 0.35, 0.83, 0.41, 0.55, 0.83, 0.98, 0.76, 0.71, 0.78, 0.55, 0.32, 0.93, 0.79, 0.26, 0.65),
    ),
    "StarGAN (paper)": (
        *(0.34, 0.00, 0.64, 0.08, 0.24, 0.27, 0.34, 0.31, 0.33, 0.15, 0.40, 0.57, 0.48, 0.20, 0.45, 0.15, 0.19, 0.30),
    ),
    "EGGAN (paper)": (
        *(0.92, 0.95, 0.69, 0.85, 0.75, 0.72, 0.73, 0.70, 0.78, 0.65, 0.64, 0.33, 0.50, 0.22, 0.67, 0.76, 0.34, 0.66),
    ),
}
# EGGAN, table 2: accuracy of verification, %
EGGAN_ACCURACY: dict[str, float] = {
    "HomoInterpGAN (paper)": 76.54,
    "StarGAN (paper)": 93.32,
    "EGGAN (paper)": 97.04,
    "real pairs (paper)": 99.63,
}
# ICface, table 2: accuracy in % and F-score of units that are there or not
ICFACE_PRESENCE: dict[str, tuple[float, float]] = {
    "X2Face (paper)": (64.76, 0.4476),
    "GANimation (ICface's paper)": (61.77, 0.3944),
    "DAE (paper)": (59.86, 0.3734),
    "ICface without neutraliser (paper)": (59.88, 0.3759),
    "ICface (paper)": (62.86, 0.4185),
}
# AIP-GAN, table 1: Face-Verf and Exp-Sim on people of the same distribution, then in the wild
AIP_GAN_TRANSFER: dict[str, tuple[float, float, float, float]] = {
    "CAAE (paper)": (0.616, 0.795, 0.548, 0.737),
    "PG2 (paper)": (0.709, 0.927, 0.594, 0.906),
    "Expr-GAN (paper)": (0.849, 0.919, 0.761, 0.828),
    "ReenactGAN (paper)": (0.832, 0.867, 0.752, 0.773),
    "AIP-GAN without attention and CEB (paper)": (0.816, 0.841, 0.725, 0.753),
    "AIP-GAN (paper)": (0.907, 0.903, 0.856, 0.841),
}
# GANimation, tables 1 and 2: ACD, ED
GANIMATION_DISTANCES: dict[str, tuple[float, float]] = {
    "StarGAN (paper, RaFD)": (0.29, float("nan")),
    "GANimation (paper, RaFD)": (0.31, float("nan")),
    "GANimation (paper, CelebA)": (0.4, 0.4),
    "GANimation without attention (paper, CelebA)": (0.4, 0.4),
    "GANimation without attention loss, a copy (paper, CelebA)": (0.0, 4.8),
}
