"""Where the person is, by MediaPipe's selfie segmentation."""

from __future__ import annotations

import cv2
import numpy as np

from .models import FaceModels

SIDE = 256


def person_matte(models: FaceModels, pixels: np.ndarray) -> np.ndarray:
    """float32 [H,W], 0..1, of uint8 [H,W,3]. The model sees the whole picture squeezed into a square of 256 pixels, so
    edges are as soft as that; meant for one person within two metres."""
    height, width = pixels.shape[:2]
    smaller = height > SIDE or width > SIDE
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    matte = models.run("person_matte.onnx", image=small[None])[0][0]
    return np.clip(cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
