"""AIP-GAN's objective: eqs. 1 and 2 with all their terms, the three stages of sec. 3.2, and what exact pairs add.

Ali, Hughes: An efficient integration of disentangled attended expression and identity features for facial expression
transfer and synthesis, 2020. L_pixel and L_id are ExprGAN's (Ding, Sricharan, Chellappa, AAAI 2018): L1 of pixels, and
of the activations of five layers of a network that knows faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON

from ..batch import Batch
from ..networks.aipgan import BASIC, Aipgan, AipganConfig, Attended, Expression, Identity
from ..networks.blocks import POSE_GAIN, UNITS
from ..networks.moved_photo import Drawn, Photo, by_rate
from ..networks.vgg import Stages, load_features
from .objective import Generated
from .relative import changed_error, missed_beyond_turn, pair_errors

# The six basic expressions of eq. 1 as units (Ekman, Friesen: EMFACS); synthetic people have vectors, not labels.
EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "anger": ("AU04", "AU05", "AU07", "AU23"),
    "disgust": ("AU09", "AU10", "AU17"),
    "fear": ("AU01", "AU02", "AU04", "AU05", "AU20", "AU26"),
    "happiness": ("AU06", "AU12"),
    "sadness": ("AU01", "AU04", "AU15"),
    "surprise": ("AU01", "AU02", "AU05", "AU26"),
}
assert len(EXPRESSIONS) == BASIC
NEUTRAL_BELOW = 0.3  # length of a vector's units below which it shows none of them
# The 68 points of dlib, which the paper draws, among the tracker's 478.
DLIB = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389)  # jaw
DLIB += (71, 63, 105, 66, 107, 336, 296, 334, 293, 301)  # brows
DLIB += (168, 197, 5, 4, 75, 97, 2, 326, 305)  # nose
DLIB += (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)  # eyes
DLIB += (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87)  # lips
DOT = 0.0125  # of the crop's side: standard deviation of a drawn landmark


@dataclass(frozen=True)
class AipganLosses:
    """Weights, sec. 3.2, and switches. As it stands: the paper."""

    reconstruction: float = 20.0  # lambda_1
    identity: float = 10.0  # lambda_2
    expression: float = 10.0  # lambda_3
    landmarks: float = 5.0  # lambda_4
    identity_map: float = 5.0  # lambda_5
    attention: float = 3.0  # lambda_6; 0, with bilinear "none" in the network, is the paper's ablation
    adversarial: float = 3.0  # lambda_7

    identity_features: str = ""  # weights file of a VGG for L_if; without one, V_id takes VGG-face's place
    expression_features: str = ""  # likewise for L_ef and V_exp
    feature_steps: int = 2000  # of V_id and V_exp before all else, in the place of weights that cannot be had; chosen
    encoder_steps: int = 5000  # first stage of the curriculum; chosen
    decoder_steps: int = 5000  # second stage; chosen

    reconstruct: Literal["photo", "target"] = "photo"  # what L_irec and L_if compare with: x_t, as printed; the truth
    norms: Literal["printed", "mean"] = "printed"  # of L_d and L_h: ||.||_2 of a picture; the root of its mean square
    expression_layers: Literal["all", "last"] = "all"  # of L_ef: as L_if; last: the deepest alone, meant over places

    # What the paper does not have. Its terms train the decoder's own picture.
    express: float = 1.0  # e and expression features of a vector against those of a driver who shows it
    expressed: float = 0.0  # share of samples that are driven by their vector in place of a picture
    reading: float = 0.0  # the vector as it is read from e
    adversarial_from: float = 0.0  # progress from which on the critic takes part
    changed: float = 0.0  # the decoder's own picture against the target, weighted by where the pair differs
    pair: float = 0.0  # the moved photo, and the composed picture, against the target
    points: float = 0.0  # the flow at landmarks


# The equations


def expression_labels(vectors: Tensor, labels: str) -> Tensor:
    """What attention is to see in vectors [B,20]: float32 [B,S], rows that sum to 1, or to 0 where nothing is shown.

    "basic": the one expression whose units point most nearly along the vector's; "units": the units' own shares.
    """
    units = vectors[:, AT_POSE.stop : len(COMMON)]
    shown = (units.norm(dim=1, keepdim=True) >= NEUTRAL_BELOW).float()
    if labels == "units":
        return shown * units / units.sum(1, keepdim=True).clamp(min=1e-6)
    table = units.new_tensor([[float(unit in parts) for unit in UNITS] for parts in EXPRESSIONS.values()])
    nearest = (units @ F.normalize(table, dim=1).T).argmax(1)
    return shown * F.one_hot(nearest, BASIC)


def attention_loss(found: Sequence[Attended], labels: Tensor) -> Tensor:
    """Eq. 1, -1/N sum 1[g_n = i] log P_i, of labels [N,S]; layers count alike (sec. 3.1)."""
    return torch.stack([-(labels * layer.logits.log_softmax(1)).sum(1).mean() for layer in found]).sum()


def landmark_picture(points: Tensor, size: int, side: int) -> Tensor:
    """Z: the 68 points of landmarks [B,478,2+] (pixels of a crop of `size`) as soft dots, [B,1,side,side] in 0..1."""
    at = (points[:, list(DLIB), :2] + 0.5) * (side / size) - 0.5  # [B,68,2]
    line = torch.arange(side, dtype=torch.float32, device=points.device)
    across, down = torch.exp(-0.5 * ((line - at[..., None]) / (DOT * side)) ** 2).unbind(2)  # [B,68,side]
    return (down.transpose(1, 2) @ across).clamp(max=1)[:, None]


def distance(drawn: Tensor, true: Tensor, norms: str = "printed") -> Tensor:
    """L_d and L_h: ||drawn - true||_2 of each picture, mean over the batch; "mean": over the root of its size."""
    squares = (drawn - true).flatten(1).square()
    return ((squares.sum(1) if norms == "printed" else squares.mean(1)) + 1e-8).sqrt().mean()


def feature_distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """ExprGAN's L_id: L1 of each layer's activations, layers counting alike."""
    return torch.stack([F.l1_loss(a, b) for a, b in zip(found, wanted, strict=True)]).sum()


def critic_loss(real: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
    """The multi-scale GAN loss of pix2pixHD, as the critics minimise it: least squares, scales counting alike."""
    return torch.stack([((a - 1) ** 2).mean() + (b**2).mean() for a, b in zip(real, drawn, strict=True)]).sum()


def deception_loss(drawn: Sequence[Tensor]) -> Tensor:
    """The same as the generator minimises it."""
    return torch.stack([((a - 1) ** 2).mean() for a in drawn]).sum()


def layers_compared(stages: Stages) -> tuple[int, ...]:
    """The second convolution of each stage (its first where there is one): conv1_2 ... conv5_2, as ExprGAN has it."""
    layers, count = [], 0
    for _, depth in stages:
        layers.append(count + min(depth, 2))
        count += depth
    return tuple(layers)


class AipganObjective:
    """Implements Objective (models/losses/objective.py)."""

    def __init__(
        self,
        networks: Aipgan,
        losses: AipganLosses,
        identity: nn.Module | None = None,
        expression: nn.Module | None = None,
    ):
        """identity and expression: frozen networks from images [B,3,S,S] in -1..1 to lists of activations, for L_if and
        L_ef; without them V_id and V_exp, trained first, take their place. Raises ValueError where losses ask for what
        the networks do not have."""
        config = networks.config
        if (losses.pair or losses.points) and not config.photo:
            raise ValueError("AIP-GAN: pair and points train the moved photo: set photo in the network, or both to 0.")
        self.networks, self.losses = networks, losses
        self.identity, self.expression = identity, expression
        self.layers = layers_compared(config.features)

    def phases(self, step: int) -> Sequence[str]:
        """Networks that know faces; then sec. 3.2: both encoders by themselves, the decoder on frozen encoders, all."""
        losses = self.losses
        needs_identity = losses.identity and self.identity is None
        needs_expression = losses.expression and self.expression is None
        features = losses.feature_steps if needs_identity or needs_expression else 0
        if step < features:
            return ("features",)
        if step < features + losses.encoder_steps:
            return ("encoders",)
        if step < features + losses.encoder_steps + losses.decoder_steps:
            return ("decoder",)
        return ("discriminator", "generator") if losses.adversarial else ("generator",)

    def parameters(self, phase: str) -> list[dict]:
        """The moved photo's heads learn more slowly than the rest."""
        names = {
            "features": ("V_id", "V_exp"),
            "encoders": ("G_es", "G_et"),
            "decoder": ("G_de", "express"),
            "discriminator": ("D",),
            "generator": ("G_es", "G_et", "G_de", "express"),
        }[phase]
        return by_rate(self.networks[name] for name in names)

    def terms(self, phase: str, batch: Batch, progress: float) -> dict[str, Tensor]:
        opposed = progress >= self.losses.adversarial_from
        match phase:
            case "features":
                return self._feature_terms(batch)
            case "discriminator":
                return self._critic_terms(batch) if opposed else {}
        identity = self.networks["G_et"](batch.image)
        match phase:
            case "encoders":
                return self._encoder_terms(batch, identity)
            case "decoder":
                return self._decoder_terms(batch, identity, opposed=False)
        return self._decoder_terms(batch, identity, opposed) | self._encoder_terms(batch, identity)

    def _feature_terms(self, batch: Batch) -> dict[str, Tensor]:
        """What V_id and V_exp learn from: who it is, and the vector."""
        networks = self.networks
        return {
            "id_photo": F.cross_entropy(networks["V_id"](batch.image), batch.person),
            "exp_photo": F.mse_loss(networks["V_exp"](batch.target), told(batch.wanted)),
        }

    def _encoder_terms(self, batch: Batch, identity: Identity) -> dict[str, Tensor]:
        """G_es on a picture whose landmarks are known, G_et on a photo whose neutral face is."""
        losses, networks, config = self.losses, self.networks, self.networks.config
        expression, attended = networks["G_es"](batch.target)
        found = {}
        if losses.landmarks:
            true = landmark_picture(batch.target_points, config.size, config.drawn_side)
            drawn = networks["G_es"].draw_landmarks(expression.code)
            found["d"] = losses.landmarks * distance(drawn, true, losses.norms)
        if losses.attention:
            labels = expression_labels(batch.wanted, config.labels)
            found["att"] = losses.attention * attention_loss(attended, labels)
        if losses.reading:
            found["reading"] = losses.reading * F.mse_loss(told(expression.vector), told(batch.wanted))
        if losses.identity_map:
            true = F.adaptive_avg_pool2d(batch.neutral, config.drawn_side)
            drawn = networks["G_et"].draw_map(identity.code)
            found["h"] = losses.identity_map * distance(drawn, true, losses.norms)
        return found

    def _critic_terms(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            drawn = self._draw(batch, self.networks["G_et"](batch.image))[0].own
        critic = self.networks["D"]
        return {"adv": self.losses.adversarial * critic_loss(critic(batch.target), critic(drawn))}

    def _decoder_terms(self, batch: Batch, identity: Identity, opposed: bool) -> dict[str, Tensor]:
        """L_irec, L_if, L_ef and L_adv of eq. 2; what pairs add; what Express learns from."""
        losses, networks = self.losses, self.networks
        drawn, seen, made = self._draw(batch, identity)
        own, truth = drawn.own, batch.image if losses.reconstruct == "photo" else batch.target
        found = {}
        if losses.reconstruction:
            found["irec"] = losses.reconstruction * F.l1_loss(own, truth)
        if losses.identity:
            with torch.no_grad():
                wanted = self._identity_features(truth)
            found["if"] = losses.identity * feature_distance(self._identity_features(own), wanted)
        if losses.expression:
            with torch.no_grad():
                wanted = self._expression_features(batch.driver)
            found["ef"] = losses.expression * feature_distance(self._expression_features(own), wanted)
        if losses.adversarial and opposed:
            found["adv"] = losses.adversarial * deception_loss(networks["D"](own))
        if losses.express:
            found["express"] = losses.express * expression_distance(made, seen)
        if losses.changed:
            found["changed"] = losses.changed * changed_error(own, batch.image, batch.target)
        if losses.pair:
            errors = pair_errors(drawn, batch.image, batch.target)
            found |= {name: losses.pair * error for name, error in errors.items()}
        if losses.points:
            found["points"] = losses.points * missed_beyond_turn(
                drawn.flow, batch.exact_points, batch.target_points, batch.source, batch.wanted
            )
        return found

    def _draw(self, batch: Batch, identity: Identity) -> tuple[Drawn, Expression, Expression]:
        """The batch's photos, driven; the expression as it is seen in the driver; and as it is made of the vector."""
        networks = self.networks
        seen, made = networks["G_es"](batch.driver)[0], networks["express"](batch.wanted)
        by_vector = torch.rand(len(batch), device=batch.image.device) < self.losses.expressed
        chosen = Expression(
            _either(by_vector, made.code, seen.code),
            tuple(_either(by_vector, a, b) for a, b in zip(made.maps, seen.maps, strict=True)),
            batch.wanted,  # the true one: misread early on, it would turn heads the wrong way; `reading` learns apart
        )
        return networks["G_de"](identity, chosen, _photo(batch)), seen, made

    def _identity_features(self, image: Tensor) -> list[Tensor]:
        if self.identity is not None:
            return self.identity.to(image.device)(image)
        return self.networks["V_id"].activations(image, self.layers)

    def _expression_features(self, image: Tensor) -> list[Tensor]:
        every = self.losses.expression_layers == "all"
        if self.expression is not None:
            found = self.expression.to(image.device)(image)
        else:
            found = self.networks["V_exp"].activations(image, self.layers if every else self.layers[-1:])
        return found if every else [found[-1].mean((2, 3))]

    def generate(self, batch: Batch) -> Generated:
        """By the vector, as timeline curves drive it."""
        drawn = self.networks.animate(_photo(batch), batch.wanted)
        return Generated(drawn.image, drawn.mask)

    def reenact(self, batch: Batch) -> Generated:
        """By the driver's picture, as the paper does."""
        drawn = self.networks.drive(_photo(batch), batch.driver)
        return Generated(drawn.image, drawn.mask)


def told(vectors: Tensor) -> Tensor:
    """Vectors [B,20] with values of like size: angles in half radians."""
    return vectors * vectors.new_tensor([POSE_GAIN] * AT_POSE.stop + [1.0] * len(UNITS))


def expression_distance(made: Expression, seen: Expression) -> Tensor:
    """How far e and the features made of a vector are from those seen in a picture, which learn nothing from it."""
    pairs = zip((made.code, *made.maps), (seen.code, *seen.maps), strict=True)
    return torch.stack([F.mse_loss(a, b.detach()) for a, b in pairs]).sum()


def _either(first: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Rows of `one` [B,...] where `first` [B], else of `other`."""
    return torch.where(first.view(-1, *[1] * (one.dim() - 1)), one.to(other.dtype), other)


def _photo(batch: Batch) -> Photo:
    return Photo(batch.image, batch.points, batch.source)


def aipgan(network: AipganConfig, weights: AipganLosses, size: int, people: int) -> AipganObjective:
    """The system as a preset names it, for crops of `size` pixels and a number of people to tell apart. Raises
    ZygomaError where a weights file does not fit."""
    files = weights.identity_features, weights.expression_features
    given = [load_features(file, layers_compared) if file else None for file in files]
    return AipganObjective(Aipgan(replace(network, size=size, people=people)), weights, *given)
