"""GANimation's objective: eqs. 2 to 7, five steps of the critic for one of the generator.

Pumarola et al., IJCV 2019. After the paper's terms stand those that exact pairs allow, weighed 0 in the paper's preset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from addon.core.attributes import AT_POSE

from ..batch import Batch
from ..networks.blocks import turned
from ..networks.ganimation import Critic, GANimationConfig, Generator, Masks
from .objective import Generated
from .relative import missed_points, relative_error


@dataclass(frozen=True)
class GANimationWeights:
    """As it stands: sec. 5."""

    critic_steps: int = 5  # of the critic for one of the generator
    adversarial: float = 1.0  # of L_I in eq. 6
    penalty: float = 10.0  # lambda_gp, eq. 2
    attention: float = 0.1  # lambda_A, eq. 6
    smoothness: float = 1e-4  # lambda_TV, eq. 3
    expression: float = 4000.0  # lambda_y, eq. 6
    identity: float = 10.0  # lambda_idt, eq. 6

    # What the paper does not have.
    picture: float = 0.0  # of the relative error on exact pairs
    points: float = 0.0  # of the landmarks that the flow misses
    supervised_until: float = 0.0  # share of the training that has the pairs' terms and the mask's alone
    head_rate: float = 1.0  # of the learning rate, for the heads
    flow_rate: float = 1.0  # the same, for the coarse flow


class GANimation:
    """models.losses.objective.Objective."""

    def __init__(self, network: GANimationConfig, weights: GANimationWeights, size: int, people: int):
        self.weights = weights
        self.pose = network.pose
        self.networks = nn.ModuleDict({"generator": Generator(network), "critic": Critic(network, size)})
        self.generator, self.critic = self.networks["generator"], self.networks["critic"]

    def phases(self, step: int) -> Sequence[str]:
        return ("critic", "generator") if (step + 1) % self.weights.critic_steps == 0 else ("critic",)

    def parameters(self, phase: str) -> list[dict]:
        if phase == "critic":
            return [{"params": list(self.critic.parameters()), "scale": 1.0}]
        heads = list(self.generator.heads.parameters())
        coarse = [] if self.generator.coarse is None else list(self.generator.coarse.parameters())
        apart = {id(p) for p in (*heads, *coarse)}
        body = [p for p in self.generator.parameters() if id(p) not in apart]
        groups = [(body, 1.0), (heads, self.weights.head_rate), (coarse, self.weights.flow_rate)]
        return [{"params": params, "scale": scale} for params, scale in groups if params]

    def terms(self, phase: str, batch: Batch, progress: float) -> dict[str, Tensor]:
        supervised = progress < self.weights.supervised_until
        if phase == "critic":
            return {} if supervised else self._critic_terms(batch)
        return self._generator_terms(batch, supervised)

    def generate(self, batch: Batch) -> Generated:
        made = self._made(batch.image, batch.source, batch.wanted, batch.points)
        return Generated(made.image, made.attention)

    def _made(self, image: Tensor, source: Tensor, wanted: Tensor, points: Tensor) -> Masks:
        return self.generator(image, source, wanted, points, self.generator.places(points, image.shape[-1]))

    def _named(self, vectors: Tensor) -> Tensor:
        """What D_y regresses, of vectors [B,20]."""
        return vectors if self.pose else vectors[:, AT_POSE.stop :]

    def _critic_terms(self, batch: Batch) -> dict[str, Tensor]:
        w = self.weights
        with torch.no_grad():
            fake = self._made(batch.image, batch.source, batch.wanted, batch.points).image
        real_score, real_vector = self.critic(batch.image)
        fake_score, _ = self.critic(fake)
        return {
            "L_I": w.adversarial * (fake_score.mean() - real_score.mean()),
            "gradient_penalty": w.adversarial * w.penalty * gradient_penalty(self.critic, batch.image, fake),
            "L_y_real": w.expression * squared_distance(real_vector, self._named(batch.source)),
        }

    def _generator_terms(self, batch: Batch, supervised: bool) -> dict[str, Tensor]:
        w = self.weights
        made = self._made(batch.image, batch.source, batch.wanted, batch.points)
        terms = {"L_A": w.attention * attention_loss(made.attention, w.smoothness)}
        if w.picture:
            terms["picture"] = w.picture * relative_error(made.image, batch.image, batch.target).mean()
        if w.points and made.flow is not None:
            expected = turned(batch.exact_points, batch.source, batch.wanted) if self.generator.config.turn else None
            missed = missed_points(made.flow, batch.exact_points, batch.target_points, expected)
            terms["points"] = w.points * missed.mean()
        if supervised:
            return terms
        score, vector = self.critic(made.image)
        terms["L_I"] = -w.adversarial * score.mean()
        terms["L_y_fake"] = w.expression * squared_distance(vector, self._named(batch.wanted))
        if w.identity:
            # Landmarks of what was generated are the target's where there is one, else still the source's.
            points = batch.target_points if w.picture else batch.points
            back = self._made(made.image, batch.wanted, batch.source, points)
            terms["L_A"] = terms["L_A"] + w.attention * attention_loss(back.attention, w.smoothness)
            terms["L_idt"] = w.identity * (back.image - batch.image).abs().mean()
        return terms


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Eq. 2: E[(|grad D_I(I~)|_2 - 1)^2], I~ at random between each real picture and its fake; D_I is its patches'
    mean, as in the adversarial terms."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).requires_grad_()
    with torch.enable_grad():
        score = critic(between)[0].flatten(1).mean(1).sum()
        (gradient,) = torch.autograd.grad(score, between, create_graph=True)
    return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def attention_loss(attention: Tensor, smoothness: float) -> Tensor:
    """Eq. 3 of A [B,1,H,W]: lambda_TV times the sum of squared differences between neighbours, plus A's mean."""
    across = ((attention[..., 1:] - attention[..., :-1]) ** 2).sum((1, 2, 3)).mean()
    down = ((attention[..., 1:, :] - attention[..., :-1, :]) ** 2).sum((1, 2, 3)).mean()
    return smoothness * (across + down) + attention.mean()


def squared_distance(found: Tensor, asked: Tensor) -> Tensor:
    """Eq. 4: E[|y^ - y|_2^2] of [B,N]."""
    return ((found - asked) ** 2).sum(1).mean()
