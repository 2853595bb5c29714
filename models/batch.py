"""What a training step sees: exact pairs of synthetic people, as tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B pairs. Pictures are float32 [B,3,S,S] RGB in -1..1; vectors float32 [B,20] in the order of COMMON, angles in
    radians; landmarks float32 [B,478,3] in pixels of the crop, z smaller nearer the camera."""

    image: Tensor  # the source view of a person
    source: Tensor  # its vector
    points: Tensor  # its landmarks, as far off as a tracker's
    target: Tensor  # the same person, light and background, showing `wanted`
    wanted: Tensor
    target_points: Tensor
    neutral: Tensor  # the same person, light and background, without expression, facing the camera
    driver: Tensor  # another person, showing `wanted`
    person: Tensor  # int64 [B]: who it is, among the people trained on
    neutral_points: Tensor  # the landmarks of `neutral`
    exact_points: Tensor  # the landmarks of `image`, where they are

    def to(self, device) -> Batch:
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))

    def __len__(self) -> int:
        return len(self.image)
