"""What the generators share: where the parts of a face lie, conditions painted there, flow, the turn of a rigid head.

Everything exports as standard ONNX operators. Pixel centres are whole numbers, as landmarks have them; a flow is in
half image widths, x then y, and says for each pixel of the result where it is fetched from, relative to its own place.
"""

from __future__ import annotations

from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON, POSE
from addon.core.faces.topology import EYE_LEFT, EYE_RIGHT, MIRROR

from ..head.animator import rotation

UNITS = tuple(name for name in COMMON if name not in POSE)  # the papers' 17, in order


def _both_sides(name: str, *right: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}_right": right, f"{name}_left": tuple(int(MIRROR[i]) for i in right)}


# Places of a face, each by the landmarks that its map is painted round. "Right" is the person's right.
PLACES = MappingProxyType(
    {
        "forehead": (151, 108, 337, 69, 299),
        "glabella": (8, 9),
        **_both_sides("inner_brow", 107, 66, 55, 65),
        **_both_sides("outer_brow", 70, 63, 105, 53),
        **_both_sides("eye", 33, 133, 159, 145, 160, 158, 153, 144),
        "nose_root": (6, 197),
        "nose_tip": (1, 4),
        **_both_sides("nose_wing", 129, 98),
        **_both_sides("cheek", 50, 205),
        **_both_sides("mouth_corner", 61),
        "upper_lip": (0, 13, 37, 267, 39, 269),
        "lower_lip": (14, 17, 84, 314, 181, 405),
        "chin": (152, 199, 200),
        **_both_sides("jaw", 172, 136, 150),
    }
)
MAPS = len(PLACES) + 2  # the two coordinates stand last
SPREAD = 0.03  # of the crop's side: standard deviation of a place's blob
FARTHEST = 6.0  # standard deviations: beyond, Gaussians would be subnormal numbers, which processors are slow with

# Where each unit acts. A name without a side stands for both.
ACTS_AT = MappingProxyType(
    {
        "AU01": ("inner_brow", "forehead"),
        "AU02": ("outer_brow", "forehead"),
        "AU04": ("inner_brow", "outer_brow", "glabella"),
        "AU05": ("eye",),
        "AU06": ("eye", "cheek"),
        "AU07": ("eye",),
        "AU09": ("inner_brow", "nose_root", "nose_wing", "upper_lip"),
        "AU10": ("nose_wing", "upper_lip"),
        "AU12": ("mouth_corner", "cheek", "upper_lip", "lower_lip"),
        "AU14": ("mouth_corner",),
        "AU15": ("mouth_corner", "lower_lip"),
        "AU17": ("lower_lip", "chin"),
        "AU20": ("mouth_corner", "lower_lip"),
        "AU23": ("mouth_corner", "upper_lip", "lower_lip"),
        "AU25": ("upper_lip", "lower_lip"),
        "AU26": ("lower_lip", "mouth_corner", "chin", "jaw"),
        "AU45": ("eye",),
    }
)
POSE_GAIN = 2.0  # angles in half radians, so that all painted values are of like size
PAINTED = 3 * len(POSE) + len(UNITS)


def _indices(unit: str) -> list[int]:
    names = list(PLACES)
    sided = [side for place in ACTS_AT[unit] for side in (place, f"{place}_right", f"{place}_left")]
    return [names.index(name) for name in sided if name in names]


def _line(size: int, step: int, like: Tensor) -> Tensor:
    """The middles, in pixels, of a row of cells of `step` pixels: [size // step]."""
    return torch.arange(size // step, dtype=torch.float32, device=like.device) * step + (step - 1) / 2


def place_maps(points: Tensor, size: int, step: int = 1) -> Tensor:
    """Maps of the face's places, from the source's landmarks.

    points [B,478,2+] in pixels of a crop of `size`; a map's cell covers `step` pixels. Returns float32
    [B, MAPS, size/step, size/step]: for each of PLACES a soft blob round its landmarks, 0..1, the largest counting;
    then the coordinates x and y, -1..1 across the crop.
    """
    line = _line(size, step, points)
    off = (line.view(1, 1, 1, -1) - points[:, :, :2, None].float()) / (SPREAD * size)  # [B,478,2,n]
    off = off.clamp(-FARTHEST, FARTHEST)
    blobs = []
    for indices in PLACES.values():
        across, down = torch.exp(-0.5 * off[:, list(indices)] ** 2).unbind(2)  # [B,K,n] each
        blobs.append((down.unsqueeze(3) * across.unsqueeze(2)).amax(1))
    line = ((2 * line + 1) / size - 1).expand(points.shape[0], size // step, size // step)
    return torch.stack([*blobs, line, line.transpose(1, 2)], 1)


def painted(values: Tensor, maps: Tensor) -> Tensor:
    """Each value painted where it acts: a condition that no normalisation can take for an offset.

    values [B,20] in the order of COMMON, absolute or a difference; maps [B or 1, MAPS, h, w] of `place_maps`. Returns
    [B, PAINTED, h, w]: the three angles (times POSE_GAIN) as constant planes, times x, times y; then each unit times
    the largest of its places' blobs.
    """
    where = torch.stack([maps[:, _indices(unit)].amax(1) for unit in UNITS], 1)  # [B,17,h,w]
    x, y = maps[:, -2:-1], maps[:, -1:]
    pose = POSE_GAIN * values[:, AT_POSE, None, None]  # [B,3,1,1]
    units = values[:, AT_POSE.stop : len(COMMON), None, None]
    return torch.cat([pose * torch.ones_like(x), pose * x, pose * y, units * where], 1)


def constant_planes(values: Tensor, size: int) -> Tensor:
    """The papers' condition: values [B,A] as A constant planes, [B,A,size,size]."""
    return values[:, :, None, None].expand(-1, -1, size, size)


def normalised(channels: int, norm: str) -> nn.Module:
    """The normalisation named `norm`: instance (with a scale and a shift), batch or none."""
    match norm:
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()
    raise ValueError(f"Unknown normalisation {norm!r}: instance, batch or none.")


def film(values: int, channels: int) -> nn.Linear:
    """A condition [B,values] -> a scale and a shift a channel, [B,2*channels]."""
    linear = nn.Linear(values, 2 * channels)
    nn.init.normal_(linear.weight, std=0.4)  # a unit at 1 is heard from the first step on
    nn.init.zeros_(linear.bias)
    return linear


class Residual(nn.Module):
    """x + conv(relu(FiLM(conv(x)))), both convolutions 3x3 and normalised; FiLM (a scale and a shift a channel, linear
    in the condition) where `values` > 0 is the condition's length."""

    def __init__(self, channels: int, norm: str = "instance", values: int = 0):
        super().__init__()
        bias = norm == "none"
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.first_norm = normalised(channels, norm)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.second_norm = normalised(channels, norm)
        self.film = film(values, channels) if values else None

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """x [B,C,h,w], condition [B,values] -> [B,C,h,w]."""
        y = self.first_norm(self.first(x))
        if self.film is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
        return x + self.second_norm(self.second(F.relu(y)))


class FlowHead(nn.Module):
    """Features -> a coarse flow, small at first.

    Give it a tenth of the body's learning rate: Adam moves all weights of a wide head at once, and its output jumps.
    """

    def __init__(self, channels: int, scale: float = 0.05):
        super().__init__()
        self.scale = scale
        self.flow = nn.Conv2d(channels, 2, 3, padding=1)
        nn.init.normal_(self.flow.weight, std=0.0005)
        nn.init.zeros_(self.flow.bias)

    def forward(self, features: Tensor) -> Tensor:
        """[B,C,h,w] -> flow float32 [B,2,h,w] in half image widths."""
        return self.scale * self.flow(features).float()


def enlarged(coarse: Tensor, size: int) -> Tensor:
    """A coarse flow, or anything [B,C,h,w] -> [B,C,size,size], bilinear, cell middles in their places."""
    return F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """image [B,C,S,S] fetched along flow [B,2,S,S], bilinear; beyond the border its edge goes on.

    The border's continuation is done on the coordinates: ONNX Runtime's kernel is three times as fast with zeros.
    """
    size = image.shape[-1]
    line = (2 * torch.arange(size, dtype=torch.float32, device=image.device) + 1) / size - 1
    own = torch.stack([line.expand(size, size), line.view(-1, 1).expand(size, size)], 2)  # [S,S,2]
    limit = 1 - 1 / size
    at = (own + flow.float().permute(0, 2, 3, 1)).clamp(-limit, limit)
    return F.grid_sample(image.float(), at, padding_mode="zeros", align_corners=False)


# The head round its face, for `rigid_flow`: the upper part of the face's outline, drawn outwards, stands for the hair.
CROWN = (234, 127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356, 454)
CROWN_RINGS = (1.2, 1.45)  # times the outline's distance from the head's centre
CROWN_DEPTH = 0.5  # of the outline's own depth
# The centre of the head from the mean of the 468 mesh points, in the head's own frame, in eye distances.
HEAD_CENTRE = (0.0, 0.06, 1.38)
SOFTNESS = 0.03  # of the crop's side: standard deviation of each landmark's Gaussian
AWAY = 0.5  # landmarks' weight below which the flow falls to 0
LIMB = 0.1  # softness of the edge beyond which the head hides its own far side, as a cosine


def _in_the_head(points: Tensor, before: Tensor, centre: tuple) -> tuple[Tensor, Tensor]:
    """Landmarks [B,468+,3] of heads turned by `before` [B,3,3] -> the same in the head's own frame, from the point that
    keeps its place; and that point, [B,1,3] in pixels."""
    mesh = points[:, :468]
    eyes = mesh[:, list(EYE_LEFT)].mean(1) - mesh[:, list(EYE_RIGHT)].mean(1)
    distance = eyes.norm(dim=1).view(-1, 1, 1)
    pivot = mesh.mean(1, keepdim=True) + distance * (mesh.new_tensor(centre) @ before.transpose(1, 2))[:, None]
    return (points - pivot) @ before, pivot


def turned(points: Tensor, source: Tensor, wanted: Tensor, centre: tuple = HEAD_CENTRE) -> Tensor:
    """Where landmarks lie once their head has turned as `rigid_flow` turns it: [B or 1,478,3] -> float32 [B,478,3]."""
    with torch.autocast(points.device.type, enabled=False):
        before, after = rotation(source[:, AT_POSE].float()), rotation(wanted[:, AT_POSE].float())
        own, pivot = _in_the_head(points.float(), before, centre)
        return own @ after.transpose(1, 2) + pivot


def rigid_flow(
    points: Tensor, source: Tensor, wanted: Tensor, size: int, step: int = 4, centre: tuple = HEAD_CENTRE
) -> Tensor:
    """The flow of a head that turns as a rigid body, as a prior that a network adds to.

    points [B or 1,478,3] landmarks of the source in pixels, z smaller nearer; source and wanted [B or 1,3+]: pitch,
    yaw, roll in radians in OpenFace's signs come first; `centre` is the point that keeps its place, in the head's
    frame, in eye distances from the middle of the mesh. Each landmark turns about it by R(wanted) R(source)^T; the way
    back is spread from where it arrives by normalised Gaussians and falls to 0 away from the head. Returns float32
    [B,2,size/step,size/step] in half image widths; exactly 0 where both poses are equal.
    """
    with torch.autocast(points.device.type, enabled=False):  # products of pixels: bfloat16 would be a pixel off
        before, after = rotation(source[:, AT_POSE].float()), rotation(wanted[:, AT_POSE].float())
        back = before.transpose(1, 2)  # camera -> head
        change = (wanted[:, AT_POSE] - source[:, AT_POSE]).abs().amax(1).view(-1, 1, 1)
        own, pivot = _in_the_head(points[:, :468].float(), before, centre)
        outline = own[:, list(CROWN)] * own.new_tensor([1.0, 1.0, CROWN_DEPTH])
        own = torch.cat([own, *(outline * ring for ring in CROWN_RINGS)], 1)  # [B,K,3]
        start, end = own @ back, own @ after.transpose(1, 2)
        facing = -end[:, :, 2] / end.norm(dim=2).clamp(min=1e-6)  # 1 towards the camera: the head is nearly convex
        seen = torch.sigmoid(facing / LIMB + 2)
        end_place = (end + pivot)[:, :, :2]
        way = (start - end)[:, :, :2] * (2 / size) * (change > 0)  # [B,K,2]
        line = _line(size, step, points)
        off = (line - end_place[..., None]) / (SOFTNESS * size)  # [B,K,2,n]
        spread = torch.exp(-0.5 * off.clamp(-FARTHEST, FARTHEST) ** 2)
        across, down = spread[:, :, 0], spread[:, :, 1] * seen[:, :, None]  # [B,K,n]
        weight = down.transpose(1, 2) @ across  # [B,n,n]: rows, columns
        ways = [(down * way[:, :, i, None]).transpose(1, 2) @ across for i in range(2)]
        return torch.stack(ways, 1) / (weight + AWAY)[:, None]


GREY_LEVEL = 2 / 255  # of pictures in -1..1
LOUDNESS = 0.1  # of a head that changes a picture's colours
FULLY_SYNTHETIC = 0.5  # change of colour, of -1..1, from which on a pixel counts as not the photo's own
REACH = 0.03  # of the crop's side: how far round a changed pixel the crop is pasted, and over which it fades
BORDER = 0.04  # of the crop's side: over which all fades towards its edge


def changed(image: Tensor, photo: Tensor, moved: Tensor) -> Tensor:
    """What to paste back, [B,S,S] in 0..1: 1 where image [B,3,S,S] is no longer the photo [B or 1,3,S,S] or a pixel was
    `moved` [B,S,S], exactly 0 where nothing near has changed and at the crop's edge."""
    size = int(image.shape[-1])  # a number also while a graph is traced
    width = 2 * max(1, round(REACH * size)) + 1
    new = (((image - photo).abs().amax(1) > GREY_LEVEL / 2) | moved)[:, None].float()
    grown = F.max_pool2d(new, width, 1, width // 2)
    soft = F.avg_pool2d(F.max_pool2d(grown, width, 1, width // 2), width, 1, width // 2)
    line = torch.arange(size, dtype=torch.float32, device=image.device)
    line = (torch.minimum(line, size - 1 - line) / (BORDER * size)).clamp(max=1)
    return soft[:, 0] * torch.minimum(line.view(-1, 1), line)


def as_bytes(share: Tensor) -> Tensor:
    """0..1 -> uint8 0..255, rounded and clamped."""
    return (share * 255).round().clamp(0, 255).to(torch.uint8)
