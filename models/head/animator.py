"""zygoma-base's `animate`: state tensors and attributes -> picture, alpha, synthetic, as one graph of standard
operators.

The photo's own pixels move through the fitted head in two layers that part at the eyes and the mouth; behind the
openings lie eyeballs and teeth (fixed to the head) and the lower jaw. Coordinates are crop units: x = pixel * 2 /
(S - 1) - 1.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_GAZE, AT_POSE, AT_UNITS, NAMES, UNITS
from addon.core.mesh.layout import CAMERA_DISTANCE, LIP_EDGE, STATE

from .parallax import mix, soften, undone

# Share of the crop (left, right, top, bottom) outside which no opening and no crease ever lies; the jaw's part of it.
WINDOW = (0.18, 0.82, 0.20, 0.82)
JAW_WINDOW = (0.26, 0.74, 0.42, 0.82)
BLINK, LID_RAISER, LID_TIGHTENER, LIPS_PART = (UNITS.index(u) for u in ("AU45", "AU05", "AU07", "AU25"))
# Of pitch, yaw, roll: what is added to a turn, since the taper takes it away, as readers see it; nothing at a full one.
TURN_GAINS = (0.22, 0.4, 0.0)
FULL_TURN = 0.6
SIDE = 0.2  # sine of a turn from which on a side wholly hides or is revealed
DARKEST = 0.4  # of light
CLEAN_RIM = 0.35  # of the upper lid's soft edge that goes as it falls: light of the eye lies in it, as beads
CLEAN_LIP = 0.85  # of the lower lip's, as parted lips shut: teeth lie in it and would lie on the upper lip
LIPS_FROM = 0.045  # crop units: eyes lie above, lips below
EYE_RADIUS = 0.115  # of an eyeball, tenths of a metre
LOOKS = ((0.0, -1.0), (1.0, 0.0), (0.0, 0.0))  # the head's x, y, z of an iris that looks down, that looks to the left
LID_FOLLOWS_DOWN, LID_FOLLOWS_UP = 0.8, 0.8  # of a unit for each sine of the eyes' pitch


def rotation(pose: Tensor) -> Tensor:
    """R = Rx(pitch) Ry(yaw) Rz(roll) for pose [B,3] in radians -> [B,3,3]; x right, y down, z away."""
    (cp, cy, cr), (sp, sy, sr) = torch.cos(pose).unbind(1), torch.sin(pose).unbind(1)
    one, zero = torch.ones_like(cp), torch.zeros_like(cp)
    rx = torch.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], 1).view(-1, 3, 3)
    ry = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], 1).view(-1, 3, 3)
    rz = torch.stack([cr, -sr, zero, sr, cr, zero, zero, zero, one], 1).view(-1, 3, 3)
    return rx @ ry @ rz


def effective(attributes: Tensor) -> Tensor:
    """Vectors [B,A] -> what their units play, [B,U]: lids follow the eyes' pitch, and a falling lid takes AU05 and AU07
    away."""
    units = attributes[:, AT_UNITS].clamp(0, 1)
    down = torch.sin(attributes[:, AT_GAZE.start : AT_GAZE.start + 1])
    blink = (units[:, BLINK : BLINK + 1] + LID_FOLLOWS_DOWN * torch.relu(down)).clamp(max=1)
    keep = (1 - 1.4 * torch.relu(blink - 0.1)).clamp(0, 1)
    columns = list(units.split(1, dim=1))
    columns[BLINK] = blink
    columns[LID_RAISER] = (columns[LID_RAISER] + LID_FOLLOWS_UP * torch.relu(-down)).clamp(max=1) * keep
    columns[LID_TIGHTENER] = columns[LID_TIGHTENER] * keep
    return torch.cat(columns, 1)


def grid(n) -> Tensor:
    """[1,2,n,n]: x and y of n x n points over the crop, -1..1, corners on corners."""
    line = torch.arange(n, dtype=torch.float32) * 2 / (n - 1) - 1
    return torch.stack([line.view(1, -1).expand(n, n), line.view(-1, 1).expand(n, n)])[None]


def box(window, size) -> tuple:
    """A window's shares -> pixel bounds (x0, x1, y0, y1) that follow the size in the exported graph."""
    return tuple((size * round(share * 100)) // 100 for share in window)


def cut(t: Tensor, bounds) -> Tensor:
    x0, x1, y0, y1 = bounds
    return t[..., y0:y1, x0:x1]


def put(base: Tensor, part: Tensor, bounds) -> Tensor:
    """`base` with `part` in the place of its window."""
    x0, x1, y0, y1 = bounds
    rows = torch.cat([base[..., y0:y1, :x0], part, base[..., y0:y1, x1:]], -1)
    return torch.cat([base[..., :y0, :], rows, base[..., y1:, :]], -2)


def sample(texture: Tensor, at: Tensor) -> Tensor:
    """Bilinear samples of `texture` [N,C,n,n] at crop units [N,2,H,W] -> [N,C,H,W]; the border goes on outside.

    ONNX Runtime's CPU kernel is three times as fast with zeros for padding and corners not aligned, so the border's
    continuation and the corners' alignment are done on the coordinates.
    """
    n = texture.shape[-1]
    at = at.clamp(-1, 1) * ((n - 1) / n)
    return F.grid_sample(texture, at.permute(0, 2, 3, 1), padding_mode="zeros", align_corners=False)


def sample_layer(layer: Tensor, at: Tensor) -> Tensor:
    """Bilinear samples of one layer [1,C,S,S] for a whole batch: at [2,B,H,W] in crop units -> [C,B,H,W].

    The batch stands below itself as one tall picture, so that the layer is not copied for each of it.
    """
    batch, height, width = at.shape[1:]
    return sample(layer, at.reshape(1, 2, batch * height, width)).view(layer.shape[1], batch, height, width)


def upsample(t: Tensor, size) -> Tensor:
    return F.interpolate(t, size=(size, size), mode="bilinear", align_corners=True)


def slopes(field: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Central differences of [B,C,G,G] along x and y, zero at the border."""
    dx = F.pad(field[..., 2:] - field[..., :-2], (1, 1, 0, 0)) / (2 * step)
    dy = F.pad(field[..., 2:, :] - field[..., :-2, :], (0, 0, 1, 1)) / (2 * step)
    return dx, dy


class Animator(nn.Module):
    """forward(*state, attributes) -> image uint8 [B,S,S,3], alpha uint8 [B,S,S], synthetic uint8 [B,S,S].

    Pictures are [C,B,H,W] inside: channels first of all, see `sample_layer`.
    """

    def forward(
        self, above, below, marks, inner, jaw, surface, motion_above, motion_below, creases, shading, eyes,
        scale, offset, pivot, cavity, tint, jaw_travel, source_rotation, crop_turn, source, attributes,
    ):  # fmt: skip
        batch, size, g = attributes.shape[0], above.shape[-1], surface.shape[-1]
        nodes = grid(g)
        look = torch.sin(attributes[:, AT_GAZE]) - torch.sin(source[None, AT_GAZE])  # [B,2]: down, to the left
        change = effective(attributes) - effective(source[None])  # [B,U]
        own = source[None, AT_POSE]
        asked = attributes[:, AT_POSE] - own
        played = own + asked * (1 + torch.tensor(TURN_GAINS) * torch.relu(1 - (asked / FULL_TURN) ** 2))
        turn = crop_turn[None] @ rotation(played) @ source_rotation.t()[None]
        offset, pivot = offset.view(1, 2, 1, 1), pivot.view(1, 3, 1, 1)
        to_left = (0.5 + turn[:, 0, 2] / (2 * SIDE)).clamp(0, 1).view(batch, 1, 1, 1)
        depth, taper = mix(surface[:, 1:2], surface[:, :1], to_left), surface[:, 2:3]
        at_rest = torch.cat([(nodes - offset) / scale * (1 + depth / CAMERA_DISTANCE), depth], 1) - pivot  # [B,3,G,G]

        def displaced(motion: Tensor) -> Tensor:
            """Where the nodes go, less where they are: 3-D motion [B,3,G,G] -> [B,2,G,G]."""
            q = (turn @ (at_rest + motion).reshape(batch, 3, -1)).view(batch, 3, g, g) + pivot
            seen = scale * q[:, :2] / (1 + q[:, 2:] / CAMERA_DISTANCE) + offset
            return taper * (seen - nodes)

        seal = change[:, LIPS_PART : LIPS_PART + 1].clamp(max=0)
        weights = torch.cat([change, seal], 1)
        move = lambda field: (weights @ field.flatten(1)).view(batch, 3, g, g)  # noqa: E731
        still = torch.zeros(batch, 3, g, g)
        moves = torch.cat([displaced(move(motion_above)), displaced(move(motion_below)), displaced(still)])
        u, edges = undone(moves, turn.repeat(3, 1, 1), nodes, surface[:, 3:])
        edges = edges.of(slice(batch, 2 * batch))
        jumps = edges.jumps(nodes[0, 0, 0])
        at_above, at_below, at_rigid = u.clamp(-1, 1).chunk(3)
        flow_below = at_below - nodes

        # How much of a pixel's neighbourhood is stretched: 1 - area in the photo / area in the picture.
        dx, dy = slopes(flow_below, 2 / (g - 1))
        stretch = (1 - ((1 + dx[:, :1]) * (1 + dy[:, 1:]) - dx[:, 1:] * dy[:, :1])).clamp(0, 1)
        drawn = (change @ torch.stack([creases, shading], 1).flatten(1)).view(batch, 2, g, g)
        zone, shade = sample(drawn, at_below).split(1, 1)
        shift = look @ (scale * EYE_RADIUS * source_rotation[:2] @ torch.tensor(LOOKS)).t()  # [B,2] in the photo
        at_eyes = at_rigid - sample(eyes.expand(batch, -1, -1, -1), at_rigid) * shift.view(batch, 2, 1, 1)
        changed = torch.cat([change, look, asked], 1).abs().amax(1).view(batch, 1, 1, 1)
        moved = torch.cat([at_above - nodes, flow_below, at_eyes - nodes], 1).abs().amax(1, keepdim=True) * (size * 2)
        painted = torch.maximum(zone.abs(), shade.abs()) * 255
        alpha = torch.maximum(moved, painted).clamp(0, 1) * (changed * 1e4).clamp(0, 1)  # 1: half a pixel

        # From nodes to pixels: smooth but for the edges.
        dense = lambda t: upsample(t.transpose(0, 1), size)  # noqa: E731  [B,C,G,G] -> [C,B,S,S]
        line = torch.arange(size, dtype=torch.float32) * 2 / (size - 1) - 1
        edges = edges.on(size)
        over = edges.jumps(line).transpose(0, 1)
        at_below = dense(at_below - jumps) + over
        alpha, stretch = dense(alpha), dense(stretch)
        window, jaw_window = box(WINDOW, size), box(JAW_WINDOW, size)
        at_above = cut(dense(at_above - jumps), window) + cut(over, window)
        at_eyes = dense(at_eyes - jumps) + over
        travel = scale * (turn @ (change @ jaw_travel).view(batch, 3, 1))[:, :2].view(batch, 2).t()

        skin = sample_layer(below, at_below)
        mask_below, crease, lower_lid = sample_layer(marks, cut(at_below, window)).split([1, 1, 3])
        zone, shade = (cut(dense(t), window) for t in (zone, shade))
        shade = shade.clamp(-DARKEST, DARKEST) + crease * zone
        light = 1 + shade * tint.view(3, 1, 1, 1)
        upper = sample_layer(above, at_above)
        behind = sample_layer(inner, cut(at_eyes, window))
        lower = sample_layer(jaw, cut(at_eyes, jaw_window) - travel.view(2, batch, 1, 1))

        # What moves with a lid: lashes' darkness on the upper one, and either's shadow on what lies behind.
        lash = (4 * (torch.maximum(change[:, BLINK], change[:, LID_RAISER]) - 0.15)).clamp(0, 1).view(1, batch, 1, 1)
        parted = (10 * (source[AT_UNITS.start + LIPS_PART] - 0.1)).clamp(0, 1)
        shutting = ((-4 * seal).clamp(0, 1) * parted).view(1, batch, 1, 1)
        edge_of_lid = (upper[3:4] - CLEAN_RIM * lash) / (1 - CLEAN_RIM * lash)
        edge_of_lip = (upper[3:4] - CLEAN_LIP * shutting) * mix(LIP_EDGE, 1 / (1 - CLEAN_LIP), shutting)
        mask_above = torch.where(at_above[1:] > LIPS_FROM, edge_of_lip, edge_of_lid).clamp(0, 1)
        lid = upper[4:]
        rgb_above = upper[:3] * (1 - lash * (1 - lid)) * light
        cavity = cavity.view(3, 1, 1, 1)
        teeth = mix(cavity, lower[:3], lower[3:])
        inside_window = tuple(
            j - w for j, w in zip(jaw_window, (window[0], window[0], window[2], window[2]), strict=True)
        )
        depths = put(cavity.expand_as(behind[:3]), teeth, inside_window)
        hidden = mix(depths, behind[:3], behind[3:4]) * lid * lower_lid
        covered = mix(hidden, cut(skin, window) * light, mask_below)
        opened = mix(covered, rgb_above, mask_above)

        open_now = (1 - mask_above) * (1 - mask_below)
        revealed = torch.maximum(torch.maximum(cut(stretch, window), shade.abs() * 4), open_now * (1 - behind[4:]))

        levels = lambda t: (t * 255 + 0.5).clamp(0, 255).to(torch.uint8)  # noqa: E731
        image = soften(put(levels(skin), levels(opened), window), edges)
        synthetic = put(levels(stretch), levels(revealed), window)
        return image.permute(1, 2, 3, 0), levels(alpha)[0], torch.where(alpha > 0, synthetic, 0)[0]


def export(path: Path, example: dict[str, Tensor]) -> Animator:
    """Writes the graph for any even crop side and batch; `example` holds one state. Returns the module it was made
    from.
    """
    net = Animator().eval()
    attributes = torch.zeros(2, len(NAMES))
    square = {2: "S", 3: "S"}
    dynamic = {name: square for name in ("above", "below", "marks", "inner", "jaw")}
    dynamic |= {"attributes": {0: "B"}, "image": {0: "B", 1: "S", 2: "S"}}
    dynamic |= {name: {0: "B", 1: "S", 2: "S"} for name in ("alpha", "synthetic")}
    torch.onnx.export(
        net,
        (*(example[name] for name in STATE), attributes),
        str(path),
        input_names=[*STATE, "attributes"],
        output_names=["image", "alpha", "synthetic"],
        opset_version=17,
        dynamic_axes=dynamic,
        dynamo=False,
    )
    return net
