"""EGGAN's objective: eqs. 1 to 7, and what exact pairs of synthetic people add.

Tang, Shao, Ma: Fine-grained expression manipulation via structured latent space, ICME 2020. E over samples is the mean
over a batch; L1 of eq. 6 is the mean over pixels, as it stands beside 1 - MS-SSIM there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from torch import Tensor, nn

from addon.core.attributes import AT_POSE, COMMON

from ..batch import Batch
from ..networks.eggan import LEVELS, Eggan, EgganConfig, Encoded
from ..networks.moved_photo import Drawn, Photo, by_rate
from ..networks.vgg import load_features
from .objective import Generated
from .relative import changed_error, missed_beyond_turn, pair_errors

PERCEPTUAL_LAYER = 3  # eq. 5
MS_SSIM_SCALES = 5
LARGEST_WINDOW = 11


@dataclass(frozen=True)
class EgganLosses:
    """Weights, sec. 4.1, and switches. As it stands: the paper. A weight of 0 leaves the term out."""

    adversarial: float = 1.0  # of the two adversarial terms, eq. 7
    gradient_penalty: float = 20.0  # lambda_gp; released 10
    units: float = 100.0  # lambda_au; released 10
    identity: float = 60.0  # lambda_id; released 50; 0 is the paper's ablation E_wtI
    perceptual: float = 20.0  # lambda_per; released 10; 0 is E_wtP
    reconstruction: float = 100.0  # lambda_rec; released 100
    structure: float = 1.0  # of 1 - MS-SSIM inside eq. 6; released .5 (50 of 100); 0 is E_wtS

    form: Literal["log", "wasserstein"] = "log"  # of eq. 2: as it is printed, or WGAN-GP, which the text names
    perceptual_norm: Literal["printed", "squared"] = "printed"  # of eq. 5; squared: Johnson et al., whom it cites
    classifier_follows: bool = False  # eq. 7 to the letter: C_exp, too, minimises eq. 3 on what G draws
    features: str = ""  # weights file of a VGG for eq. 5; without one, C_id's third layer takes VGG19's place
    identity_steps: int = 2000  # of C_id's own training before all else (sec. 3.3); number chosen

    # What the paper does not have: pairs are exact here, so that the target is known. The paper's terms train G's own
    # picture; where the photo's pixels are moved into it, pairs train these and the composed picture.
    rebuild: Literal["source", "target"] = "source"  # what eq. 6 compares: the photo drawn again, or the exact target
    adversarial_from: float = 0.0  # progress from which on critics and C_exp take part
    changed: float = 0.0  # G's own picture against the target, weighted by where the pair differs
    pair: float = 0.0  # the moved photo, and the composed picture, against the target
    points: float = 0.0  # the flow at landmarks


# The equations


def latent_adversarial(prior: Tensor, codes: Tensor) -> Tensor:
    """Eq. 1 of D_z's logits [B]: E[log D_z(z)] + E[log(1 - D_z(E(I)))]. D_z maximises it, E minimises it."""
    return F.logsigmoid(prior).mean() + F.logsigmoid(-codes).mean()


def image_adversarial(real: Tensor, drawn: Tensor, form: str = "log") -> Tensor:
    """Eq. 2 without its penalty, of D_img's logits [B]: E[log D(I)] + E[log(1 - D(G))], or WGAN's E[D(I)] - E[D(G)].

    D_img maximises it, G minimises it.
    """
    if form == "wasserstein":
        return real.mean() - drawn.mean()
    return F.logsigmoid(real).mean() + F.logsigmoid(-drawn).mean()


def gradient_penalty(logits: Tensor, photos: Tensor) -> Tensor:
    """Eq. 2's last term without lambda: E[(||grad D(I)||_2 - 1)^2] at the photos [B,3,S,S] that gave the logits."""
    (gradient,) = torch.autograd.grad(logits.sum(), photos, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def levels(vectors: Tensor) -> Tensor:
    """Vectors [B,20], units 0..1 -> the nearest of the levels 0..m, int64 [B,17]."""
    return (vectors[:, AT_POSE.stop : len(COMMON)] * LEVELS).round().clamp(0, LEVELS).long()


def unit_classification(logits: Tensor, wanted: Tensor) -> Tensor:
    """Eq. 3: C_exp's logits [B, 17 * 6] against vectors [B,20]: the mean over units of -log p(level)."""
    return F.cross_entropy(logits.view(-1, LEVELS + 1), levels(wanted).flatten())


def identity_classification(logits: Tensor, person: Tensor) -> Tensor:
    """Eq. 4: -log p(person) of C_id's logits [B,n], mean over the batch."""
    return F.cross_entropy(logits, person)


def perceptual(photo: Tensor, drawn: Tensor, rebuilt: Tensor, norm: str = "printed") -> Tensor:
    """Eq. 5 of activations [B,C,H,W]: 1/(CHW) of the distances from the photo's to both drawn images'."""
    distances = torch.stack([(photo - other).flatten(1).square().sum(1) for other in (drawn, rebuilt)])  # [2,B]
    distances = distances if norm == "squared" else (distances + 1e-12).sqrt()
    return distances.sum(0).mean() / photo[0].numel()


def structure(rebuilt: Tensor, photo: Tensor) -> Tensor:
    """1 - MS-SSIM of images [B,3,S,S] in -1..1. Its window is the largest that five scales leave room for. Always in
    float32: variances are small differences, and in bfloat16 a fractional power of what they become is no number."""
    room = (photo.shape[-1] - 1) // 2 ** (MS_SSIM_SCALES - 1) + 1
    window = min(LARGEST_WINDOW, room - (room + 1) % 2)
    with torch.autocast(rebuilt.device.type, enabled=False):
        return 1 - ms_ssim((rebuilt.float() + 1) / 2, (photo.float() + 1) / 2, data_range=1.0, win_size=window)


def reconstruction(rebuilt: Tensor, photo: Tensor, weight_of_structure: float = 1.0) -> Tensor:
    """Eq. 6: E||rebuilt - I||_1 + (1 - MS-SSIM)."""
    error = (rebuilt - photo).abs().mean()
    return error + weight_of_structure * structure(rebuilt, photo) if weight_of_structure else error


class EgganObjective:
    """Implements Objective (models/losses/objective.py)."""

    def __init__(self, networks: Eggan, losses: EgganLosses, features: nn.Module | None = None):
        """features: a frozen network from images [B,3,S,S] in -1..1 to a list of activations, for eq. 5; without one it
        is the third layer of C_id, which has learnt to tell the people apart. Raises ValueError where losses ask for
        what the networks do not have."""
        config = networks.config
        if (losses.pair or losses.points) and not config.photo:
            raise ValueError("EGGAN: pair and points train the moved photo: set photo in the network, or both to 0.")
        if (losses.changed or losses.rebuild == "target") and not config.pose:
            raise ValueError("EGGAN: a target's head may be turned: set pose in the network, or rebuild to source.")
        self.networks, self.losses, self.features = networks, losses, features

    def phases(self, step: int) -> Sequence[str]:
        """C_id alone at first (sec. 3.3: pre-trained independently), then all others in each step."""
        losses = self.losses
        needs_people = losses.identity or (losses.perceptual and self.features is None)
        if needs_people and step < losses.identity_steps:
            return ("identity",)
        expression = ("expression",) if losses.units else ()
        critics = ("critics",) if losses.adversarial else ()
        return (*expression, *critics, "generator")

    def parameters(self, phase: str) -> list[dict]:
        """C_exp learns twice as fast (sec. 4.1); the moved photo's heads more slowly."""
        networks = self.networks
        match phase:
            case "identity":
                return [{"params": list(networks["C_id"].parameters()), "scale": 1.0}]
            case "expression":
                return [{"params": list(networks["C_exp"].parameters()), "scale": 2.0}]
            case "critics":
                both = [*networks["D_z"].parameters(), *networks["D_img"].parameters()]
                return [{"params": both, "scale": 1.0}]
        groups = by_rate((networks["E"], networks["G"]))
        if self.losses.units and self.losses.classifier_follows:
            groups.append({"params": list(networks["C_exp"].parameters()), "scale": 2.0})
        return groups

    def terms(self, phase: str, batch: Batch, progress: float) -> dict[str, Tensor]:
        losses, networks = self.losses, self.networks
        opposed = progress >= losses.adversarial_from
        match phase:
            case "identity":
                return {"id_photo": identity_classification(networks["C_id"](batch.image), batch.person)}
            case "expression":
                if not opposed:
                    return {}
                return {"au_photo": unit_classification(networks["C_exp"](batch.target), batch.wanted)}
            case "critics":
                return self._critic_terms(batch) if opposed else {}
        return self._generator_terms(batch, opposed)

    def _critic_terms(self, batch: Batch) -> dict[str, Tensor]:
        """The negative of eqs. 1 and 2, which D_z and D_img maximise; the penalty is theirs to minimise."""
        losses, networks = self.losses, self.networks
        photo = _photo(batch)
        with torch.no_grad():
            encoded = networks["E"](batch.image)
            drawn = networks["G"](encoded, photo, batch.wanted).own
        code = encoded.code
        image = batch.image.detach().requires_grad_(bool(losses.gradient_penalty))
        real = networks["D_img"](image)
        prior = torch.randn_like(code)
        found = {
            "adv_z": -losses.adversarial * latent_adversarial(networks["D_z"](prior), networks["D_z"](code)),
            "adv_img": -losses.adversarial * image_adversarial(real, networks["D_img"](drawn), losses.form),
        }
        if losses.gradient_penalty:
            weight = losses.adversarial * losses.gradient_penalty
            found["gp"] = weight * gradient_penalty(real, image)
        return found

    def _generator_terms(self, batch: Batch, opposed: bool) -> dict[str, Tensor]:
        """Eq. 7 as E and G minimise it, then what pairs add."""
        losses, networks = self.losses, self.networks
        encoded, drawn = self._draw(batch)
        rebuilt, truth = drawn.own, batch.target
        if losses.rebuild == "source":
            rebuilt, truth = networks["G"](encoded, _photo(batch), batch.source).own, batch.image
        found = {}
        if losses.adversarial and opposed:
            # E[log D_z(z)] and E[log D(I)] have no part that E or G could change
            found["adv_z"] = losses.adversarial * F.logsigmoid(-networks["D_z"](encoded.code)).mean()
            logits = networks["D_img"](drawn.own)
            lies = -logits.mean() if losses.form == "wasserstein" else F.logsigmoid(-logits).mean()
            found["adv_img"] = losses.adversarial * lies
        if losses.units and opposed:
            found["au"] = losses.units * unit_classification(networks["C_exp"](drawn.own), batch.wanted)
        if losses.identity:
            found["id"] = losses.identity * identity_classification(networks["C_id"](drawn.own), batch.person)
        if losses.perceptual:
            with torch.no_grad():
                wanted = self._activations(truth)
            pairs = zip(wanted, self._activations(drawn.own), self._activations(rebuilt), strict=True)
            found["per"] = losses.perceptual * sum(perceptual(*maps, losses.perceptual_norm) for maps in pairs)
        if losses.reconstruction:
            found["rec"] = losses.reconstruction * reconstruction(rebuilt, truth, losses.structure)
        if losses.changed:
            found["changed"] = losses.changed * changed_error(drawn.own, batch.image, batch.target)
        if losses.pair:
            errors = pair_errors(drawn, batch.image, batch.target)
            found |= {name: losses.pair * error for name, error in errors.items()}
        if losses.points:
            found["points"] = losses.points * missed_beyond_turn(
                drawn.flow, batch.exact_points, batch.target_points, batch.source, batch.wanted
            )
        return found

    def _draw(self, batch: Batch) -> tuple[Encoded, Drawn]:
        """The batch's photos with the wanted expressions; a share of them from their codes alone."""
        networks, share = self.networks, self.networks.config.skips_dropped
        encoded = networks["E"](batch.image)
        if share and networks.training and encoded.far is not None:
            kept = (torch.rand(len(batch), 1, 1, 1, device=batch.image.device) >= share).to(encoded.far.dtype)
            encoded = Encoded(encoded.code, encoded.near * kept, encoded.far * kept)
        return encoded, networks["G"](encoded, _photo(batch), batch.wanted)

    def _activations(self, image: Tensor) -> list[Tensor]:
        if self.features is not None:
            return self.features.to(image.device)(image)
        return self.networks["C_id"].activations(image, (PERCEPTUAL_LAYER,))

    def generate(self, batch: Batch) -> Generated:
        drawn = self.networks.draw(_photo(batch), batch.wanted)
        return Generated(drawn.image, drawn.mask)


def _photo(batch: Batch) -> Photo:
    return Photo(batch.image, batch.points, batch.source)


def eggan(network: EgganConfig, weights: EgganLosses, size: int, people: int) -> EgganObjective:
    """The system as a preset names it, for crops of `size` pixels and a number of people to tell apart. Raises
    ZygomaError where a weights file does not fit."""
    features = load_features(weights.features, lambda _: (PERCEPTUAL_LAYER,)) if weights.features else None
    return EgganObjective(Eggan(replace(network, size=size, people=people)), weights, features)
