"""GANimation: each printed equation by hand on small tensors, each term on an overfit batch, each switch alone."""

from dataclasses import fields, replace

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from faces import canonical
from overfit import batch as small_batch
from torch import nn

from addon.core.attributes import COMMON
from models.losses.ganimation import (
    GANimation,
    GANimationWeights,
    attention_loss,
    gradient_penalty,
    squared_distance,
)
from models.losses.relative import missed_points, relative_error
from models.networks.blocks import enlarged, rigid_flow
from models.networks.ganimation import (
    ENCODER_INPUTS,
    STATE,
    Animate,
    Critic,
    Encode,
    GANimationConfig,
    Generator,
    composed,
)
from models.presets import find

SIZE = 64
SMALL = GANimationConfig(width=8, downs=1, blocks=1, critic_width=4, critic_layers=4)
STUDIED = replace(
    find("ganimation", "cpu").network, width=8, blocks=1, critic_width=4, critic_layers=4, turn=True, flow=True
)


def inputs(people: int = 2):
    torch.manual_seed(4)
    image = F.interpolate(torch.rand(people, 3, 8, 8) * 2 - 1, size=(SIZE, SIZE), mode="bilinear")
    source, wanted = torch.rand(2, people, 20) * 0.5
    return image, source, wanted, canonical(SIZE).repeat(people, 1, 1)


def made(config: GANimationConfig, image, source, wanted, points, seed: int = 0):
    torch.manual_seed(seed)
    generator = Generator(config)
    with torch.no_grad():
        return generator(image, source, wanted, points, generator.places(points, SIZE))


# The equations


def test_equation_1():
    attention = torch.tensor([[[[0.25, 1.0]]]])
    colour, photo = torch.tensor([[[[0.8, 0.5]]]]), torch.tensor([[[[-0.4, 0.1]]]])
    assert torch.allclose(composed(attention, colour, photo), torch.tensor([[[[0.5, 0.1]]]]))


def test_equation_2_penalty():
    class Sum(nn.Module):
        """A critic whose gradient is known: two patches, whose mean is 3 times the picture's sum."""

        def forward(self, image):
            total = image.sum((1, 2, 3))
            return torch.stack([2 * total, 4 * total], 1)[:, None], total

    real, fake = torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)
    by_hand = (3 * 48**0.5 - 1) ** 2
    assert float(gradient_penalty(Sum(), real, fake)) == pytest.approx(by_hand, rel=1e-5)


def test_equation_2_penalty_lies_between_real_and_fake():
    class Square(nn.Module):
        def forward(self, image):
            return (image**2).sum((1, 2, 3))[:, None, None], None

    real, fake = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 2.0)
    torch.manual_seed(1)
    share = float(torch.rand(1))
    torch.manual_seed(1)
    between = (1 - share) * 2.0
    assert float(gradient_penalty(Square(), real, fake)) == pytest.approx((2 * between - 1) ** 2, rel=1e-5)


def test_equation_3():
    attention = torch.tensor([[[[0.0, 0.5], [1.0, 0.5]]], [[[1.0, 1.0], [1.0, 1.0]]]])
    variation = (0.5**2 + 0.5**2 + 1.0**2 + 0.0) / 2  # of the first picture, mean over both
    mean = (0.5 + 1.0) / 2
    assert float(attention_loss(attention, 0.1)) == pytest.approx(0.1 * variation + mean)


def test_equation_4():
    found, asked = torch.tensor([[0.5, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert float(squared_distance(found, asked)) == pytest.approx((0.25 + 1 + 0 + 1) / 2)


class Fixed(nn.Module):
    """In the place of a generator: halves the picture; its mask is .3 everywhere."""

    def places(self, points, size):
        return None

    def forward(self, image, source, wanted, points, maps):
        return _Made(image / 2)


class _Made:
    def __init__(self, image):
        self.image, self.flow = image, None
        self.attention = torch.full_like(image[:, :1], 0.3)


class Known(nn.Module):
    """In the place of a critic: scores and reads the picture's mean."""

    def forward(self, image):
        mean = image.mean((1, 2, 3))
        return mean.view(-1, 1, 1), mean.view(-1, 1).expand(-1, 17)


def objective_by_hand(weights: GANimationWeights) -> GANimation:
    objective = GANimation(SMALL, weights, SIZE, people=2)
    objective.generator, objective.critic = Fixed(), Known()
    return objective


def test_equations_4_5_6_of_the_generator():
    batch = small_batch(SIZE)
    weights = GANimationWeights()
    terms = objective_by_hand(weights).terms("generator", batch, 1.0)
    mean = (batch.image / 2).mean((1, 2, 3))
    assert float(terms["L_I"]) == pytest.approx(-float(mean.mean()), rel=1e-4)
    asked = batch.wanted[:, 3:]
    assert float(terms["L_y_fake"]) == pytest.approx(
        4000 * float(((mean[:, None] - asked) ** 2).sum(1).mean()), rel=1e-4
    )
    assert float(terms["L_A"]) == pytest.approx(0.1 * (0.3 + 0.3), rel=1e-4)  # of the way there and of the way back
    assert float(terms["L_idt"]) == pytest.approx(10 * float((batch.image / 4 - batch.image).abs().mean()), rel=1e-4)
    assert set(terms) == {"L_I", "L_y_fake", "L_A", "L_idt"}


def test_equations_2_4_6_of_the_critic():
    batch = small_batch(SIZE)
    terms = objective_by_hand(GANimationWeights()).terms("critic", batch, 1.0)
    real, fake = batch.image.mean((1, 2, 3)), (batch.image / 2).mean((1, 2, 3))
    assert float(terms["L_I"]) == pytest.approx(float(fake.mean() - real.mean()), rel=1e-3, abs=1e-6)
    gradient = 1 / (3 * SIZE * SIZE) ** 0.5
    assert float(terms["gradient_penalty"]) == pytest.approx(10 * (gradient - 1) ** 2, rel=1e-4)
    asked = batch.source[:, 3:]
    assert float(terms["L_y_real"]) == pytest.approx(
        4000 * float(((real[:, None] - asked) ** 2).sum(1).mean()), rel=1e-4
    )


def test_relative_error_is_one_and_a_half_for_a_copy_and_nothing_for_the_target():
    source = torch.rand(2, 3, 16, 16)
    target = source + 0.5
    assert float(relative_error(target, source, target).max()) < 1e-6
    copied = relative_error(source, source, target)
    rho = (0.25 + 0.0025) ** 0.5 - 0.05
    assert torch.allclose(copied, torch.tensor(rho / (rho + 0.001)), atol=1e-4)  # a plain shift has no edges
    edged = source + torch.linspace(0, 1, 16) ** 2
    assert torch.allclose(relative_error(source, source, edged), torch.tensor(1.5), atol=0.1)


def test_missed_points():
    before = canonical(SIZE)
    after = before + torch.tensor([4.0, 0.0, 0.0])
    flow = torch.zeros(1, 2, SIZE, SIZE)
    least = 0.3 * SIZE / 128
    assert float(missed_points(flow, before, after)) == pytest.approx(2 / (2 + least), rel=1e-4)
    flow[:, 0] = -4 * 2 / SIZE
    assert float(missed_points(flow, before, after)) < 1e-5


# The networks


def test_the_papers_preset_is_the_papers():
    preset = find("ganimation", "paper")
    assert preset.network == GANimationConfig() and preset.weights == GANimationWeights()
    w, t = preset.weights, preset.training
    assert (w.penalty, w.attention, w.smoothness, w.expression, w.identity, w.critic_steps) == (
        10,
        0.1,
        1e-4,
        4000,
        10,
        5,
    )
    assert (t.batch, t.rate, t.betas, t.size, t.samples, t.precision) == (
        25,
        1e-4,
        (0.5, 0.999),
        128,
        6_000_000,
        "float32",
    )
    assert t.flat == pytest.approx(20 / 30)
    objective = preset.objective(preset.network, preset.weights, 128, 10)
    stem = objective.generator.stem[0]
    assert stem.weight.shape == (64, 3 + 17, 7, 7) and objective.generator.heads.weight.shape == (3 + 1, 64, 7, 7)
    assert len(objective.generator.blocks) == 6 and objective.generator.blocks[0].first.weight.shape[:2] == (256, 256)
    assert [m.out_channels for m in objective.critic.body if isinstance(m, nn.Conv2d)] == [
        64,
        128,
        256,
        512,
        1024,
        2048,
    ]
    patches, vector = objective.critic(torch.zeros(1, 3, 128, 128))
    assert patches.shape == (1, 2, 2) and vector.shape == (1, 17)


def test_five_steps_of_the_critic_for_one_of_the_generator():
    objective = GANimation(SMALL, GANimationWeights(), SIZE, people=2)
    phases = [objective.phases(step) for step in range(10)]
    assert phases == [*[("critic",)] * 4, ("critic", "generator")] * 2


def test_the_paper_hears_units_alone_and_their_place_not_their_change():
    image, source, wanted, points = inputs()
    base = made(SMALL, image, source, wanted, points)
    turned = wanted.clone()
    turned[:, :3] += 0.3
    assert torch.equal(made(SMALL, image, source, turned, points).image, base.image)
    assert torch.equal(made(SMALL, image, source + 0.1, wanted, points).image, base.image)
    other = wanted.clone()
    other[:, COMMON.index("AU12")] += 0.3
    assert not torch.equal(made(SMALL, image, source, other, points).image, base.image)
    assert base.flow is None and torch.equal(base.base, image)
    assert torch.equal(base.image, composed(base.attention, base.colour, image))


def test_pose():
    image, source, wanted, points = inputs()
    config = replace(SMALL, pose=True)
    turned = wanted.clone()
    turned[:, 1] += 0.3
    assert not torch.equal(
        made(config, image, source, turned, points).image, made(config, image, source, wanted, points).image
    )
    assert Critic(config, SIZE)(image)[1].shape == (2, 20)


def test_difference():
    image, source, wanted, points = inputs()
    config = replace(SMALL, difference=True)
    base = made(config, image, source, wanted, points).image
    assert torch.allclose(made(config, image, source + 0.1, wanted + 0.1, points).image, base, atol=1e-5)
    assert not torch.allclose(made(SMALL, image, source + 0.1, wanted + 0.1, points).image, base, atol=1e-3)


def test_change_adds_to_the_photo():
    image, source, wanted, points = inputs()
    colour = made(replace(SMALL, change=True), image, source, wanted, points).colour
    assert (colour - image).abs().max() < 0.2
    assert (made(SMALL, image, source, wanted, points).colour - image).abs().max() > 0.5


def test_flow_and_turn():
    image, source, wanted, points = inputs()
    moved = made(replace(SMALL, flow=True), image, source, wanted, points)
    assert moved.flow.shape == (2, 2, SIZE, SIZE) and not torch.equal(moved.base, image)
    assert torch.equal(moved.image, composed(moved.attention, moved.colour, moved.base))
    turned = made(replace(SMALL, turn=True), image, source, wanted, points)
    assert torch.allclose(turned.flow, enlarged(rigid_flow(points, source, wanted, SIZE), SIZE))
    units = torch.cat([source[:, :3], wanted[:, 3:]], 1)
    assert made(replace(SMALL, turn=True), image, source, units, points).flow.abs().max() == 0


def test_open_mask_and_its_limit():
    image, source, wanted, points = inputs()
    opened = made(replace(SMALL, change=True, open_mask=1.5), image, source, wanted, points).attention
    assert abs(float(opened.mean()) - 1 / (1 + np.exp(1.5))) < 0.01
    shut = replace(SMALL, change=True, open_mask=-30.0)
    assert made(shut, image, source, wanted, points).attention.min() == 1  # saturated: no gradient is left
    limited = made(replace(shut, mask_limit=6.0), image, source, wanted, points).attention
    assert torch.allclose(limited, torch.tensor(1 / (1 + np.exp(-6.0)), dtype=torch.float32), atol=1e-3)


def test_gate_gives_the_photo_back_exactly():
    image, source, wanted, points = inputs()
    config = replace(SMALL, gate=True, flow=True, turn=True)
    moved = source.clone()
    moved[:, :3] += 0.2  # what this network does not hear, it does not gate by
    for same in (source, moved):
        out = made(replace(config, turn=False), image, source, same, points)
        assert (out.image - image).abs().max() < 1e-5 and out.attention.min() == 1 and out.flow.abs().max() == 0
    assert (made(config, image, source, wanted, points).image - image).abs().max() > 0.1
    assert (made(replace(config, gate=False), image, source, source, points).image - image).abs().max() > 0.1


def heard(config: GANimationConfig) -> torch.Tensor:
    """What AU12 at .5 does to the residual blocks' input, as a share of that input's spread: [h,w], the border cut."""
    image, source, _, points = inputs()
    wanted = source.clone()
    wanted[:, COMMON.index("AU12")] += 0.5
    torch.manual_seed(0)
    generator, seen = Generator(config), []
    generator.blocks[0].register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        for vector in (source, wanted):
            generator(image, source, vector, points, generator.places(points, SIZE))
    return ((seen[1] - seen[0])[..., 4:-4, 4:-4].abs().mean((0, 1))) / seen[0].std()


def test_a_norm_in_the_stem_erases_constant_planes():
    assert heard(replace(SMALL, stem_norm=False)).mean() > 3 * heard(SMALL).mean()


def test_painted_values_are_heard_where_they_act():
    change = heard(replace(SMALL, painted=True, difference=True, downs=0, fold=2))
    mouth = (canonical(SIZE)[0, 61, :2] / 2 - 4).round().int().tolist()
    assert change[mouth[1], mouth[0]] > 0.05 and change[:6].max() < 1e-6


def test_fold_and_skip_change_sizes_alone():
    image, source, wanted, points = inputs()
    for config in (replace(SMALL, fold=2), replace(SMALL, skip=True), replace(SMALL, fold=2, skip=True, flow=True)):
        out = made(config, image, source, wanted, points)
        assert out.image.shape == image.shape and out.attention.shape == (2, 1, SIZE, SIZE)


def test_every_switch_is_off_in_the_paper():
    extra = [f.name for f in fields(GANimationConfig)]
    extra = extra[extra.index("fold") :]
    paper = GANimationConfig()
    assert all(getattr(paper, name) in (False, 0.0, 1, True) for name in extra) and paper.stem_norm and paper.fold == 1
    assert not any(getattr(paper, n) for n in extra if n not in ("fold", "stem_norm"))


# Learning


def falls(objective: GANimation, phase: str, progress: float, steps: int, rate: float, names=None) -> dict:
    """Each term of a phase, before and after some steps on one batch that minimise those `names` (all for None)."""
    batch = small_batch(SIZE, people=2)
    groups = [{"params": g["params"], "lr": rate * g["scale"]} for g in objective.parameters(phase)]
    optimiser = torch.optim.Adam(groups, betas=(0.5, 0.999))

    def terms():
        torch.manual_seed(0)
        return objective.terms(phase, batch, progress)

    before = {name: float(value.detach()) for name, value in terms().items()}
    for _ in range(steps):
        optimiser.zero_grad()
        sum(value for name, value in terms().items() if not names or name in names).backward()
        optimiser.step()
    return {name: (before[name], float(value.detach())) for name, value in terms().items()}


@pytest.mark.parametrize("name", ["L_I", "gradient_penalty", "L_y_real", "L_y_fake", "L_A", "L_idt"])
def test_each_of_the_papers_terms_falls(name):
    """Alone: together L_idt shuts the mask, which L_A is there to prevent."""
    torch.manual_seed(0)
    objective = GANimation(SMALL, GANimationWeights(), SIZE, people=2)
    for phase in ("critic", "generator"):
        if name in objective.terms(phase, small_batch(SIZE, people=2), 1.0):
            before, after = falls(objective, phase, 1.0, 10, 1e-3, (name,))[name]
            assert after < before, f"{phase}: {before} -> {after}"


def test_the_pairs_terms_fall_and_the_critic_rests_meanwhile():
    torch.manual_seed(0)
    weights = replace(find("ganimation", "cpu").weights, supervised_until=0.5)
    objective = GANimation(STUDIED, weights, SIZE, people=2)
    assert objective.terms("critic", small_batch(SIZE, people=2), 0.4) == {}
    found = falls(objective, "generator", 0.4, 25, 3e-3)
    assert set(found) == {"L_A", "picture", "points"}
    for name in ("picture", "points"):
        assert found[name][1] < found[name][0]
    assert set(falls(objective, "critic", 0.6, 1, 1e-3)) == {"L_I", "gradient_penalty", "L_y_real"}


def test_heads_learn_slower():
    objective = GANimation(STUDIED, GANimationWeights(head_rate=0.1, flow_rate=0.4), SIZE, people=2)
    groups = {group["scale"]: group["params"] for group in objective.parameters("generator")}
    assert {id(p) for p in groups[0.1]} == {id(p) for p in objective.generator.heads.parameters()}
    assert {id(p) for p in groups[0.4]} == {id(p) for p in objective.generator.coarse.parameters()}
    assert sum(len(params) for params in groups.values()) == len(list(objective.generator.parameters()))


# In the product


@pytest.mark.parametrize("config", [SMALL, STUDIED], ids=["paper", "studied"])
def test_both_graphs_export_and_agree(tmp_path, config):
    torch.manual_seed(0)
    networks = nn.ModuleDict({"generator": Generator(config), "critic": Critic(config, SIZE)}).eval()
    image, source, wanted, points = inputs(1)
    encode, animate = Encode(networks, SIZE), Animate(networks)
    with torch.no_grad():
        state = encode(image, points, source)
        attributes = torch.cat([wanted, source, wanted + 0.2])
        expected = animate(*state, attributes)
        torch.onnx.export(
            animate,
            (*state, attributes),
            str(tmp_path / "animator.onnx"),
            input_names=[*STATE, "attributes"],
            output_names=["image", "alpha", "synthetic"],
            opset_version=17,
            dynamic_axes={"attributes": {0: "batch"}},
            dynamo=False,
        )
    assert len(state) == len(STATE) and ENCODER_INPUTS[0] == "image"
    session = onnxruntime.InferenceSession(str(tmp_path / "animator.onnx"), providers=["CPUExecutionProvider"])
    given = {name: tensor.numpy() for name, tensor in zip(STATE, state, strict=True)} | {
        "attributes": attributes.numpy()
    }
    given = {i.name: given[i.name] for i in session.get_inputs()}
    for ours, theirs in zip(expected, session.run(None, given), strict=True):
        assert ours.dtype == torch.uint8 and ours.shape == theirs.shape
        assert np.abs(ours.numpy().astype(int) - theirs).mean() < 0.05
    photo = ((image[0] + 1) * 127.5).round().permute(1, 2, 0).to(torch.uint8)
    if config.gate:
        assert torch.equal(expected[0][1], photo) and expected[1][1].max() == 0 and expected[2][1].max() == 0
    assert expected[1][0].max() == 255 and expected[1][0, 0].max() == 0  # pasted, and faded at the border
