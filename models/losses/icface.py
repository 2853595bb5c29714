"""ICface's objective: eqs. 1 to 5, the terms of its released code, and what exact pairs of synthetic people add.

Tripathy, Kannala, Rahtu: ICface, WACV 2020. Norms of pictures and of features are means over their values, as L1Loss
has them, so that weights hold for any size; the paper prints none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from addon.core.attributes import AT_POSE

from ..batch import Batch
from ..judge import identity as identity_judge
from ..networks.icface import Drawn, ICface, ICfaceConfig, Shown, facial_attributes
from ..networks.moved_photo import by_rate, untouched
from ..networks.vgg import load_features
from .objective import Generated
from .relative import changed_error, missed_beyond_turn, pair_errors

POSE_NOISE = 0.2  # radians for each unit of noise
VGG19_LAYERS = (1, 3, 5, 9, 13)  # released: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
JUDGES = Path(identity_judge.__file__).with_name("weights")


@dataclass(frozen=True)
class ICfaceLosses:
    """Weights and switches. As it stands: the paper, with the released code's weights where the paper gives none."""

    adversarial: float = 1.0  # of both adversarial terms, eq. 5
    attributes: float = 0.5  # lambda_1; released 10, of a mean over 20 values
    identity: float = 10.0  # lambda_2, released
    reconstruction: float = 10.0  # lambda_3, released
    gradient_penalty: float = 0.05  # released: on the real images of D
    perceptual: float = 0.0  # released .1, of G_N's image

    form: Literal["log", "squares"] = "log"  # of eq. 1; released: least squares
    attribute_norm: Literal["squared", "absolute"] = "squared"  # of eq. 2; released: absolute
    identity_by: Literal["network", "head"] = "network"  # of eq. 3; released: cross entropy of D's third head
    pseudo_truth: Literal["source", "neutral"] = "source"  # what G_A makes G_N's target of in eq. 4; released: neutral
    schedule: Literal["joint", "alternating", "two-stage"] = "joint"  # eq. 5 in one step; released: each in its own
    stage_steps: int = 0  # two-stage: steps of G_N before those of G_A
    feature_weights: str = ""  # perceptual term: a file of torchvision's VGG19; without one the judges' LightCNN

    # What the paper does not have: pairs are exact here, so that targets and neutral faces are known.
    adversarial_from: float = 0.0  # progress from which on D and its terms take part
    pair_neutral: float = 0.0  # G_N's image against the person's neutral face
    pair_target: float = 0.0  # G_A's image against the target
    exact_share: float = 0.0  # of the samples: their exact neutral face goes to G_A in the place of G_N's
    direct_share: float = 0.0  # of the samples: the photo goes to G_A, with what it shows, so that single changes count
    points: float = 0.0  # what the flows miss at landmarks, over what the turn of a rigid head misses there
    vector_noise: float = 0.0  # of the units that G_N is told, standard deviation: fits on photos are not exact
    own: float = 0.0  # beside the pair terms: what a generator draws itself, before the photo's moved pixels are added


# The terms, by their equations


def adversarial(real: Tensor, fake: Tensor) -> Tensor:
    """Eq. 1 of logits: E[log D(x)] + E[log(1 - D(G(L)))]. D maximises it."""
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def critic_loss(real: Tensor, fake: Tensor, form: str) -> Tensor:
    """What D minimises: eq. 1 with its sign turned, or the released code's squares (real 1, fake 0)."""
    return -adversarial(real, fake) if form == "log" else ((real - 1) ** 2).mean() + (fake**2).mean()


def deception_loss(fake: Tensor, form: str) -> Tensor:
    """What a generator minimises: -E[log D(G(L))], whose gradient does not vanish where D is sure (Goodfellow et al.
    2014, sec. 3) as eq. 1's does; or squares."""
    return -F.logsigmoid(fake).mean() if form == "log" else ((fake - 1) ** 2).mean()


def attribute_loss(seen: Tensor, asked: Tensor, norm: str = "squared") -> Tensor:
    """A term of eq. 2: E[||C_2(D(x)) - FA||_2^2] of [B,20]; "absolute": the mean distance, as released."""
    off = seen - asked
    return off.square().sum(1).mean() if norm == "squared" else off.abs().mean()


def identity_loss(source: Sequence[Tensor], generated: Sequence[Tensor]) -> Tensor:
    """Eq. 3: the distance of each layer's features, the last pooling's and the fully connected one's."""
    return torch.stack([F.l1_loss(g, s) for s, g in zip(source, generated, strict=True)]).sum()


def perceptual_loss(seen: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Released: distances of feature maps; of VGG's five they weigh 1/32, 1/16, 1/8, 1/4 and 1."""
    last = len(seen) - 1
    weights = [1.0 if i == last else 2.0 ** (i - last - 1) for i in range(len(seen))]
    return torch.stack([w * F.l1_loss(a, b) for w, a, b in zip(weights, seen, wanted, strict=True)]).sum()


def gradient_penalty(real: Tensor, image: Tensor) -> Tensor:
    """Released: E of the squared gradient of D's patches [B,1,h,w] by the real images [B,3,S,S] that they judge."""
    (gradient,) = torch.autograd.grad(real.sum(), image, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


# The networks behind eq. 3 and the perceptual term


class LightCNNLayers(nn.Module):
    """Frozen: what eq. 3 compares of the judges' LightCNN, its last pooling and its fully connected layer."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """image [B,3,S,S] in -1..1."""
        embedding, maps = self.net(identity_judge.face(image))
        return [F.max_pool2d(maps[-1], 2), embedding]


class LightCNNMaps(nn.Module):
    """Frozen: the maps of the judges' LightCNN, the finest first, in the place of VGG19's."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """image [B,3,S,S] in -1..1."""
        return self.net.features(image)


class Start(NamedTuple):
    """What is true of what G_A starts from: its landmarks [B,478,3], and those [B,478,3] and the vector [B,20] of the
    photo whose pixels it moves."""

    points: Tensor
    photo_points: Tensor
    photo_vector: Tensor


Tuple = TypeVar("Tuple", Shown, Start)


class ICfaceObjective:
    """Implements Objective (models/losses/objective.py)."""

    def __init__(
        self,
        network: ICfaceConfig,
        losses: ICfaceLosses,
        size: int,
        people: int,
        identity: nn.Module | None = None,
        features: nn.Module | None = None,
    ):
        """size of the pictures; people trained on; identity and features: frozen networks from images [B,3,S,S] in
        -1..1 to lists of tensors, which eq. 3 and the perceptual term compare, the project's own if not given."""
        if losses.points and not network.photo:
            raise ValueError("Points are a loss of flows: set photo in the network's configuration, or points to 0.")
        self.networks, self.losses = ICface(network, size, people), losses
        self._frozen = {"identity": identity, "features": features}

    def phases(self, step: int) -> Sequence[str]:
        losses = self.losses
        critic = ("discriminator",) if self._has_critic else ()
        if not self.networks.config.neutralizer:
            return (*critic, "animator")
        match losses.schedule:
            case "joint":
                return (*critic, "generators")
            case "alternating":
                return (*critic, "animator", "neutralizer")
            case "two-stage":
                return (*critic, "neutralizer" if step < losses.stage_steps else "animator")
        raise ValueError(f"There is no schedule {losses.schedule!r}: choose joint, alternating or two-stage.")

    def parameters(self, phase: str) -> list[dict]:
        names = ("neutralizer", "animator") if phase == "generators" else (phase,)
        return by_rate(self.networks[name] for name in names)

    def terms(self, phase: str, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Named after eq. 5's, with what they are of: N is G_N's image, A is G_A's, x the driving image. None for D
        before adversarial_from."""
        critic = self._has_critic and progress >= self.losses.adversarial_from
        if phase == "discriminator":
            return self._discriminator_terms(batch) if critic else {}
        with torch.set_grad_enabled(torch.is_grad_enabled() and phase != "animator"):
            neutral, face = self.networks.neutralise(self._photo(batch))
        found = {}
        if neutral is not None and phase != "animator":
            found |= self._neutralizer_terms(batch, neutral, face, critic)
        if phase != "neutralizer":
            found |= self._animator_terms(batch, face, critic)
        elif self.losses.reconstruction and self.losses.schedule != "two-stage":
            target = self.networks.animate(face, batch.wanted)  # released: G_N learns from G_A's image, too
            found["R_A"] = self.losses.reconstruction * F.l1_loss(target.image, batch.target)
        return found

    def generate(self, batch: Batch) -> Generated:
        _, face = self.networks.neutralise(Shown(batch.image, batch.points, batch.source))
        target = self.networks.animate(face, batch.wanted)
        return Generated(target.image, target.mask)

    @property
    def _has_critic(self) -> bool:
        losses = self.losses
        by_head = losses.identity and losses.identity_by == "head"
        return bool(losses.adversarial or losses.attributes or by_head) and losses.adversarial_from < 1

    # What the generators are given

    def _photo(self, batch: Batch) -> Shown:
        """The source as G_N is told of it: its vector as far off as one fitted to a photo."""
        source = batch.source
        if self.losses.vector_noise:
            noise = self.losses.vector_noise * torch.randn_like(source)
            pose = source[:, AT_POSE] + POSE_NOISE * noise[:, AT_POSE]
            units = source[:, AT_POSE.stop :] + noise[:, AT_POSE.stop :]
            source = torch.cat([pose, units.clamp(0, 1)], 1)
        return Shown(batch.image, batch.points, source)

    def _starts(self, batch: Batch, face: Shown) -> tuple[Shown, Start]:
        """What G_A starts from, and what is truly there: what G_N made, or in shares of the samples the exact neutral
        face or the photo."""
        losses = self.losses
        start = Start(batch.neutral_points, batch.exact_points, batch.source)
        if not self.networks.config.neutralizer:
            return face, start._replace(points=batch.exact_points)
        chance = torch.rand(len(batch), device=batch.image.device)
        if losses.exact_share:
            exact = chance < losses.exact_share
            neutral = face._replace(image=batch.neutral, layers=self._layers(batch.neutral))
            face = _where(exact, neutral, face)
            start = _where(exact, Start(batch.neutral_points, batch.neutral_points, 0 * batch.source), start)
        if losses.direct_share:
            direct = chance > 1 - losses.direct_share
            photo = Shown(batch.image, batch.points, batch.source, self._layers(batch.image))
            face = _where(direct, photo, face)
            start = _where(direct, start._replace(points=batch.exact_points), start)
        return face, start

    def _layers(self, photo: Tensor) -> Tensor | None:
        return untouched(photo) if self.networks.config.photo else None

    # What is minimised

    def _discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        losses, critic = self.losses, self.networks["discriminator"]
        with torch.no_grad():
            neutral, face = self.networks.neutralise(self._photo(batch))
            target = self.networks.animate(self._starts(batch, face)[0], batch.wanted)
        image = batch.target.detach().requires_grad_(bool(losses.gradient_penalty))
        real = critic(image)  # x and its attributes FA_D, eq. 2
        found = {}
        if losses.adversarial:
            for name, drawn in (("adv_N", neutral), ("adv_A", target)):
                if drawn is not None:
                    fake = critic(drawn.image).real
                    found[name] = losses.adversarial * critic_loss(real.real, fake, losses.form)
            if losses.gradient_penalty:
                found["penalty"] = losses.gradient_penalty * gradient_penalty(real.real, image)
        if losses.attributes:
            asked = facial_attributes(batch.wanted)
            found["FA_x"] = losses.attributes * attribute_loss(real.attributes, asked, losses.attribute_norm)
        if losses.identity and losses.identity_by == "head":
            found["I_x"] = losses.identity * F.cross_entropy(real.person, batch.person)
        return found

    def _neutralizer_terms(self, batch: Batch, neutral: Drawn, face: Shown, critic: bool) -> dict[str, Tensor]:
        losses, networks, rest = self.losses, self.networks, torch.zeros_like(batch.wanted)
        found = self._shared_terms("N", batch, neutral.image, rest, critic)
        if losses.reconstruction and losses.schedule != "two-stage":  # eq. 4, second term: a pseudo ground truth
            photo = Shown(batch.image, batch.points, networks.told(batch.source))
            with torch.no_grad():
                truth = networks.animate(photo if losses.pseudo_truth == "source" else face, rest).image
            found["R_N"] = losses.reconstruction * F.l1_loss(neutral.image, truth)
        if losses.perceptual:  # released: against the driving frame, where nothing better is known
            wanted = batch.neutral if losses.pair_neutral else batch.target
            features = self._network("features", wanted.device)
            with torch.no_grad():
                wanted = features(wanted)
            found["perceptual_N"] = losses.perceptual * perceptual_loss(features(neutral.image), wanted)
        if losses.pair_neutral:
            found |= self._pair_terms("N", losses.pair_neutral, neutral, batch.neutral)
        if losses.points:
            found["points_N"] = losses.points * missed_beyond_turn(
                neutral.flow, batch.exact_points, batch.neutral_points, batch.source, rest
            )
        return found

    def _animator_terms(self, batch: Batch, face: Shown, critic: bool) -> dict[str, Tensor]:
        losses = self.losses
        shown, start = self._starts(batch, face)
        target = self.networks.animate(shown, batch.wanted)
        found = self._shared_terms("A", batch, target.image, batch.wanted, critic)
        if losses.reconstruction:  # eq. 4, first term
            found["R_A"] = losses.reconstruction * F.l1_loss(target.image, batch.target)
        if losses.pair_target:
            found |= self._pair_terms("A", losses.pair_target, target, batch.target)
        if losses.points:
            found["points_A"] = losses.points * missed_beyond_turn(
                target.flow, start.points, batch.target_points, shown.vector, batch.wanted
            )
        if losses.points and self.networks.config.neutralizer:  # else it is the same way
            found["points_NA"] = losses.points * missed_beyond_turn(
                target.way, start.photo_points, batch.target_points, start.photo_vector, batch.wanted
            )
        return found

    def _pair_terms(self, name: str, weight: float, drawn: Drawn, target: Tensor) -> dict[str, Tensor]:
        """The image's error over that of the picture that the generator works on, that of the pixels that it moved, and
        the error of what it drew."""
        given = drawn.given.detach()
        errors = pair_errors(drawn, given, target)
        found = {f"{kind}_{name}": weight * error for kind, error in errors.items()}
        if self.losses.own:
            drawn_error = F.l1_loss(drawn.own, target) + changed_error(drawn.own, given, target)
            found[f"own_{name}"] = self.losses.own * drawn_error / 2
        return found

    def _shared_terms(self, name: str, batch: Batch, image: Tensor, asked: Tensor, critic: bool) -> dict[str, Tensor]:
        """Eqs. 1 to 3 of one generator's image, which was asked for the vectors `asked`."""
        losses, found = self.losses, {}
        judged = self.networks["discriminator"](image) if critic else None
        if judged is not None and losses.adversarial:
            found[f"adv_{name}"] = losses.adversarial * deception_loss(judged.real, losses.form)
        if judged is not None and losses.attributes:
            wanted = facial_attributes(asked)
            found[f"FA_{name}"] = losses.attributes * attribute_loss(judged.attributes, wanted, losses.attribute_norm)
        if losses.identity and losses.identity_by == "network":
            network = self._network("identity", image.device)
            with torch.no_grad():
                own = network(batch.image)
            found[f"I_{name}"] = losses.identity * identity_loss(own, network(image))
        elif judged is not None and losses.identity:
            found[f"I_{name}"] = losses.identity * F.cross_entropy(judged.person, batch.person)
        return found

    def _network(self, kind: str, device: torch.device) -> nn.Module:
        """The frozen network behind a term, loaded when it is first asked for. Raises ZygomaError where its weights are
        missing."""
        if self._frozen[kind] is None:
            if kind == "features" and self.losses.feature_weights:
                found = load_features(self.losses.feature_weights, VGG19_LAYERS)
            else:
                net = identity_judge.load(JUDGES / "identity.safetensors")
                found = LightCNNLayers(net) if kind == "identity" else LightCNNMaps(net)
            self._frozen[kind] = found.to(device)
        return self._frozen[kind]


def _where(condition: Tensor, yes: Tuple, no: Tuple) -> Tuple:
    """Sample by sample, condition bool [B]."""

    def chosen(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None else torch.where(condition.view(-1, *[1] * (a.dim() - 1)), a, b)

    return type(yes)(*map(chosen, yes, no))
