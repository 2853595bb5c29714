"""VGG's shape: the papers' classifiers of people and units, and the features that perceptual losses compare.

Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition, ICLR 2015. Parameters carry
torchvision's names, so that weights which a researcher has (VGG11 to VGG19 without batch norm) load as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from addon.core.errors import ZygomaError

Stages = tuple[tuple[int, int], ...]  # (channels, convolutions) between two poolings
VGG19: Stages = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vgg(nn.Module):
    """Images -> logits. Convolutions 3x3 with ReLU, each stage ends in a pooling, one linear layer reads the mean over
    the last one's places (the original's three wide linear layers hold 120 of its 140 million weights)."""

    def __init__(self, outputs: int, stages: Stages = VGG19):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in stages:
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, outputs)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):  # nothing normalises in between: keep the signal's size
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> Tensor:
        """[B,3,S,S] in -1..1 -> [B,outputs]."""
        return self.classifier(self.features(image).mean((2, 3)))

    def activations(self, image: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """The activations (after ReLU) of the convolutions `layers`, counted from 1, of images [B,3,S,S] in -1..1."""
        wanted, found, count = set(layers), [], 0
        for layer in self.features:
            image = layer(image)
            if isinstance(layer, nn.ReLU):
                count += 1
                if count in wanted:
                    found.append(image)
                if count == max(wanted):
                    break
        return found

    @property
    def convolutions(self) -> int:
        return sum(isinstance(layer, nn.Conv2d) for layer in self.features)


class Features(nn.Module):
    """A frozen network's activations, for losses that compare them: `forward` -> list of [B,C,h,w]."""

    def __init__(self, vgg: Vgg, layers: Sequence[int], mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)):
        """layers: convolutions, counted from 1; mean and std: of the pictures in 0..1 that `vgg` was trained on."""
        super().__init__()
        self.vgg, self.layers = vgg.requires_grad_(False), tuple(layers)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image [B,3,S,S] in -1..1."""
        return self.vgg.activations(((image + 1) / 2 - self.mean) / self.std, self.layers)


def load_features(path: str | Path, choose: Callable[[Stages], Sequence[int]]) -> Features:
    """Features from a weights file of torchvision's VGG (.safetensors, or .pth of tensors alone), with its scaling.

    The stages are read from the file's own names and shapes; `choose` names the layers for them. Raises ZygomaError
    where the file is none of these.
    """
    path = Path(path)
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
        state = {name: tensor for name, tensor in state.items() if name.startswith("features.")}
        stages = stages_of(state)
        vgg = Vgg(1, stages)
        vgg.features.load_state_dict({name.removeprefix("features."): tensor for name, tensor in state.items()})
    except Exception as error:
        raise ZygomaError(f"{path}: no weights of a VGG in torchvision's names ({error}).") from error
    layers = choose(stages)
    if max(layers) > vgg.convolutions:
        raise ZygomaError(f"{path}: this VGG has {vgg.convolutions} convolutions, asked for number {max(layers)}.")
    return Features(vgg, layers, IMAGENET_MEAN, IMAGENET_STD)


def stages_of(state: Mapping[str, Tensor]) -> Stages:
    """The stages of a state dictionary in torchvision's names: convolution and ReLU count 2, a pooling 1 more."""
    places = {int(m[1]): len(t) for name, t in state.items() if (m := re.fullmatch(r"features\.(\d+)\.weight", name))}
    if not places:
        raise ZygomaError("there is no features.0.weight")
    indices = sorted(places)
    stages = [[places[indices[0]], 1]]
    for before, after in pairwise(indices):
        if after - before == 3:
            stages.append([places[after], 1])
        else:
            stages[-1][1] += 1
    return tuple((width, depth) for width, depth in stages)
