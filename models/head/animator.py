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
from addon.core.mesh.layout import CAMERA_DISTANCE, GRID, LID_EDGE, LIP_EDGE, STATE

from .operators import around, as_planes, cut, framed, levels, upsample_window
from .parallax import mix, soften, undone

# Shares of the crop, (top, left) and (bottom, right), outside which no opening and no crease ever lies.
WINDOW = ((0.20, 0.18), (0.82, 0.82))
NODE_WINDOW = ((25, 22), (106, 106))  # nodes that its pixels lie between
AROUND = 2.0  # nodes: how far beside what a window's nodes show edges and softness may reach
BLINK, LID_RAISER, LID_TIGHTENER = (UNITS.index(u) for u in ("AU45", "AU05", "AU07"))
OPENERS = [UNITS.index(u) for u in ("AU16", "AU25", "AU26")]
LIPS_PART, SMILE, JAW_DROP = (UNITS.index(u) for u in ("AU25", "AU12", "AU26"))
# Lips that part widely over a jaw that drops leave it to the jaw: what full ones play less, what the jaw plays more, so
# that the gap is the same and the chin lies below it.
LIPS_LEAVE, JAW_TAKES = 0.35, 0.5
# Of pitch, yaw, roll: what is added to a turn, since the taper takes it away, as readers see it; nothing at a full one.
TURN_GAINS = (0.08, 0.25, 0.0)
FULL_TURN = 0.6
SIDE = 0.2  # sine of a turn from which on a side wholly hides or is revealed
DARKEST = 0.4  # of light
CLEAN_RIM = 0.5  # of the upper lid's edge that goes as it falls: pixels of the eye lie in it
LOOKED = 6.0  # of sines of a look up or aside: it goes then, too, since parts of the iris lie in it
CLEAN_LIP = 0.85  # of the lower lip's, as parted lips shut: teeth lie in it and would lie on the upper lip
CLEAN_PARTED = 0.85  # of what is done to shut lips: to lips that part further
UNSHADED = 2.0  # how readily lower teeth come forth from what shades the tongue: 2 and half of it is none
EYE_RADIUS = 0.115  # of an eyeball, tenths of a metre
LOOKS = ((0.0, -1.0), (1.0, 0.0), (0.0, 0.0))  # the head's x, y, z of an iris that looks down, that looks to the left
LID_FOLLOWS_DOWN, LID_FOLLOWS_UP = 1.1, 1.1  # of a unit for each sine of the eyes' pitch


def rotation(pose: Tensor) -> Tensor:
    """R = Rx(pitch) Ry(yaw) Rz(roll) for pose [B,3] in radians -> [B,3,3]; x right, y down, z away."""
    about = torch.eye(3)[:, None].cross(torch.eye(3)[None], dim=2)  # what turns about x, y, z do, from rest on
    sine, rise = torch.sin(pose)[..., None, None], 1 - torch.cos(pose)[..., None, None]
    x, y, z = (torch.eye(3) + sine * about.mT + rise * (about @ about)).unbind(1)
    return x @ y @ z


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


def changes(played: Tensor) -> Tensor:
    """What units play [B+1,U], last the photo's own -> how they differ from that, [B,U]. Lips that the photo parts are
    its own, and go as they were fitted: what they part further is left to the jaw."""
    out = played[:-1] - played[-1:]
    further = (torch.relu(out[:, LIPS_PART]) * played[:-1, JAW_DROP])[:, None]
    columns = list(out.split(1, dim=1))
    columns[LIPS_PART] = columns[LIPS_PART] - LIPS_LEAVE * further
    columns[JAW_DROP] = columns[JAW_DROP] + JAW_TAKES * further
    return torch.cat(columns, 1)


def grid(n) -> Tensor:
    """[1,2,n,n]: x and y of n x n points over the crop, -1..1, corners on corners."""
    line = torch.arange(n, dtype=torch.float32) * 2 / (n - 1) - 1
    return torch.stack([line.view(1, -1).expand(n, n), line.view(-1, 1).expand(n, n)])[None]


def within_nodes(t: Tensor) -> Tensor:
    """Nodes of NODE_WINDOW [B,C,h,w] -> [B,C,G,G], 0 around."""
    (y0, x0), (y1, x1) = NODE_WINDOW
    return F.pad(t, (x0, GRID - x1, y0, GRID - y1))


def where_shown(places: Tensor, nodes, within, size) -> tuple[Tensor, Tensor]:
    """The window of a crop of side `size`, inside the one `within`, in which a window of nodes can be seen: places
    [N,2,G,G], where the nodes go."""
    shown = cut(places, nodes).flatten(2)
    beside, to_pixels = AROUND * 2 / (GRID - 1), (size - 1) / 2
    first = ((shown.amin((0, 2)).flip(0) + (1 - beside)) * to_pixels).floor().long()
    last = ((shown.amax((0, 2)).flip(0) + (1 + beside)) * to_pixels).ceil().long() + 1
    first = torch.minimum(torch.maximum(first, within[0]), within[1] - 3)
    extent = torch.maximum(torch.minimum(last, within[1] - 1) - first, torch.tensor(2))
    return first, first + odd(extent)


def odd(extent: Tensor) -> Tensor:
    """A pixel more where an extent is even: as many pixels as nodes and ONNX Runtime's Resize takes the nodes as they
    are, wherever the window lies."""
    return extent + 1 - extent % 2


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

    All of it stands in one long row, so that the layer is not copied for each of the batch.
    """
    return as_planes(sample(layer, at.flatten(1).view(1, 2, 1, -1)), at)


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
        self, photo, above, below, crease_map, inner, jaw, surface, motion_above, motion_below, creases, shading, eyes,
        side, windows, scale, offset, pivot, cavity, tint, jaw_travel, source_rotation, crop_turn, source, attributes,
    ):  # fmt: skip
        size, g = photo.shape[-1], GRID
        nodes, corners = grid(g), windows.flatten(0, 1).long().unbind(0)
        look = torch.sin(attributes[:, AT_GAZE]) - torch.sin(source[None, AT_GAZE])  # [B,2]: down, to the left
        change = changes(effective(torch.cat([attributes, source[None]])))  # [B,U]
        own = source[None, AT_POSE]
        asked = attributes[:, AT_POSE] - own
        pose = own + asked * (1 + torch.tensor(TURN_GAINS) * torch.relu(1 - (asked / FULL_TURN) ** 2))
        turn = crop_turn[None] @ rotation(pose) @ source_rotation.t()[None]
        offset, pivot = offset.view(1, 2, 1, 1), pivot.view(1, 3, 1, 1)
        to_left = (0.5 + turn[:, 0, 2] / (2 * SIDE)).clamp(0, 1).view(-1, 1, 1, 1)
        depth, taper = mix(surface[:, 1:2], surface[:, :1], to_left), surface[:, 2:3]
        at_rest = torch.cat([(nodes - offset) / scale * (1 + depth / CAMERA_DISTANCE), depth], 1) - pivot  # [B,3,G,G]

        seal, unsmile = (change[:, unit : unit + 1].clamp(max=0) for unit in (LIPS_PART, SMILE))
        weights = torch.cat([change, seal, unsmile], 1)
        above_and_below = [(weights @ field.flatten(1)).view(-1, 3, g, g) for field in (motion_above, motion_below)]
        motion = torch.stack([*above_and_below, torch.zeros_like(at_rest)])  # [3,B,3,G,G]: the last is the bare skull
        turned = (turn @ (at_rest + motion).flatten(3)).view(-1, 3, g, g) + pivot
        seen = scale * turned[:, :2] / (1 + turned[:, 2:] / CAMERA_DISTANCE) + offset
        moves = taper * (seen - nodes)  # where the nodes go, less where they are
        u, edges = undone(moves, turn.repeat(3, 1, 1), nodes, surface[:, 3:])
        edges = edges.of(1, 3)  # the layer below's
        jumps = edges.jumps(nodes[0, 0, 0]).transpose(0, 1)
        at_above, at_below, at_rigid = u.clamp(-1, 1).chunk(3)
        flow_below = at_below - nodes

        # How much of a pixel's neighbourhood is stretched: 1 - area in the photo / area in the picture.
        dx, dy = slopes(flow_below, 2 / (g - 1))
        stretch = (1 - ((1 + dx[:, :1]) * (1 + dy[:, 1:]) - dx[:, 1:] * dy[:, :1])).clamp(0, 1)
        drawn = torch.stack([change @ creases.flatten(1), change @ shading.flatten(1)], 1).view(-1, 2, g, g)
        planes = lambda t: t.transpose(0, 1)  # noqa: E731  [B,C,H,W] -> [C,B,H,W]
        inner_nodes = torch.tensor(NODE_WINDOW).unbind(0)

        def near_openings(layer: Tensor, at: Tensor) -> Tensor:
            return within_nodes(planes(sample_layer(layer, planes(cut(at, inner_nodes)))))

        zone, shade = within_nodes(sample(drawn, cut(at_below, inner_nodes))).split(1, 1)
        shift = look @ (scale * EYE_RADIUS * source_rotation[:2] @ torch.tensor(LOOKS)).t()  # [B,2] in the photo
        of_eyes = near_openings(eyes, at_rigid)
        at_eyes = at_rigid - of_eyes * shift.view(-1, 2, 1, 1)
        of_above = near_openings(side, at_above)
        at_skin = mix(at_below, at_above, of_above)
        changed = torch.cat([change, look, asked], 1).abs().amax(1).view(-1, 1, 1, 1)
        moved = torch.maximum((at_above - nodes).abs(), torch.maximum(flow_below.abs(), (at_eyes - nodes).abs()))
        moved = torch.maximum(*moved.split(1, 1)) * (size * 2)
        painted = torch.maximum(zone.abs(), shade.abs()) * 255
        alpha = torch.maximum(moved, painted).clamp(0, 1) * (changed * 1e4).clamp(0, 1)  # 1: half a pixel

        # From nodes to pixels: smooth but for the edges.
        line = torch.arange(size, dtype=torch.float32) * 2 / (size - 1) - 1
        edges = edges.on(size)
        over = edges.jumps(line)
        dense = upsample(planes(torch.cat([at_skin - jumps, alpha, stretch], 1)), size)
        at_skin, alpha, stretch = dense[:2] + over, dense[2:3], dense[3:]

        both = nodes + torch.cat(moves.chunk(3)[:2])
        window = where_shown(both, corners[:2], [(torch.tensor(c) * size).long() for c in WINDOW], size)
        drawn = torch.cat([zone, shade, at_below - jumps], 1)
        zone, shade, at_crease = upsample_window(planes(drawn), window, size).split([1, 1, 2])
        crease = sample_layer(crease_map, at_crease + cut(over, window))
        shade = shade.clamp(-DARKEST, DARKEST) + crease * zone
        light = 1 + shade * tint.view(3, 1, 1, 1)
        revealed = torch.maximum(cut(stretch, window), shade.abs() * 4)
        picture, synthetic = levels(sample_layer(photo, cut(at_skin, window)) * light), levels(revealed)

        layers = planes(torch.cat([at_above - jumps, at_below - jumps, at_eyes - jumps], 1))
        travel = scale * (turn @ (change @ jaw_travel)[..., None])[:, :2, 0].t()
        # What moves with a lid or a lip is its shadow on what lies behind. A lid that moves far has the look of a shut
        # one, a raised one of that its lashes' darkness alone.
        falling = (1.5 * (change[:, BLINK] - 0.1)).clamp(0, 1).view(1, -1, 1, 1)
        lash = torch.maximum(falling, (4 * (change[:, LID_RAISER] - 0.15)).clamp(0, 1).view(1, -1, 1, 1))
        aside = (LOOKED * (torch.relu(-look[:, 0]) + look[:, 1].abs())).clamp(0, 1)
        rim_goes = torch.maximum(falling, aside.view(1, -1, 1, 1))
        parted = (10 * (source[AT_UNITS.start + LIPS_PART] - 0.1)).clamp(0, 1)
        shutting = ((-4 * seal).clamp(0, 1) * parted).view(1, -1, 1, 1)
        opening = ((4 * change[:, OPENERS].sum(1)).clamp(0, 1) * (CLEAN_PARTED * parted)).view(1, -1, 1, 1)
        clean = torch.maximum(shutting, opening)
        cavity = cavity.view(3, 1, 1, 1)
        for opening, has_jaw in ((corners[2:4], False), (corners[4:], True)):
            part = where_shown(both, opening, window, size)
            inside = [corner - window[0] for corner in part]
            places = upsample_window(layers, part, size) + cut(over, part).repeat(3, 1, 1, 1)
            upper, behind = sample_layer(above, places[:2]), sample_layer(inner, places[4:])
            skin_below, mask_below, shadow_below = sample_layer(below, places[2:4]).split([3, 1, 3])
            skin_above, edge, shadow_above, shut, even = upper.split([3, 1, 3, 3, 1])
            depths, before, kept = cavity * shadow_above, behind[3:4], behind[4:]
            if has_jaw:
                lower = sample_layer(jaw, places[4:] - travel.view(2, -1, 1, 1))
                depths = mix(cavity, lower[:3], lower[3:4]) * mix(even, shadow_above, lower[5:])
                # Shade behind the upper teeth lies on the tongue, not on what stands in front of it.
                before = torch.relu(before * (1 - UNSHADED * lower[4:5] * (1 - before)))
                kept = torch.maximum(kept, (1 - behind[3:4]) * lower[5:])
                skin_above = mix(skin_above, shut, clean)
                edge = (edge - CLEAN_LIP * clean) * mix(LIP_EDGE, 1 / (1 - CLEAN_LIP), clean)
            else:
                darkened = torch.minimum(skin_above, shut)
                skin_above = mix(skin_above, mix(darkened, shut, falling), lash)
                edge = (edge - CLEAN_RIM * rim_goes) * mix(LID_EDGE, 1 / (1 - CLEAN_RIM), rim_goes)
            mask_above = edge.clamp(0, 1)
            here = cut(light, inside)
            hidden = mix(depths, behind[:3] * shadow_above, before) * shadow_below
            covered = mix(hidden, skin_below * here, mask_below)
            opened = mix(covered, skin_above * here, mask_above)
            open_now = (1 - mask_above) * (1 - mask_below) * (1 - kept)
            picture = framed(levels(opened), around(picture, inside))
            synthetic = framed(levels(torch.maximum(cut(revealed, inside), open_now)), around(synthetic, inside))

        frame = [levels(sample_layer(photo, at)) for at in around(at_skin, window)]
        image = soften(framed(picture, frame), edges)
        synthetic = framed(synthetic, [levels(t) for t in around(stretch, window)])
        return image.permute(1, 2, 3, 0), levels(alpha)[0], torch.where(alpha > 0, synthetic, 0)[0]


def export(path: Path, example: dict[str, Tensor]) -> Animator:
    """Writes the graph for any even crop side and batch; `example` holds one state. Returns the module it was made
    from.
    """
    net = Animator().eval()
    attributes = torch.zeros(2, len(NAMES))
    square = {2: "S", 3: "S"}
    dynamic = {name: square for name in ("photo", "above", "below", "crease_map", "inner", "jaw")}
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
