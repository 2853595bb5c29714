"""ICface: its equations on numbers, its sizes, what each switch changes, that it learns, that it leaves torch whole."""

from dataclasses import replace
from math import log

import numpy as np
import onnxruntime
import pytest
import torch
from faces import canonical
from overfit import batch
from torch import nn

from addon.core.attributes import COMMON
from models.batch import Batch
from models.losses import icface as losses
from models.losses.icface import ICfaceLosses, ICfaceObjective
from models.losses.relative import relative_error
from models.networks.blocks import HEAD_CENTRE, enlarged, rigid_flow
from models.networks.icface import (
    ENCODER_INPUTS,
    STATE,
    Animate,
    Discriminator,
    Encode,
    Generator,
    ICface,
    ICfaceConfig,
    Shown,
    facial_attributes,
)
from models.networks.moved_photo import Drawn

SIZE, PEOPLE = 32, 4
PAPER = ICfaceConfig(width=4, blocks=1, critic_width=4)  # the paper's shape, small
MOVED = replace(
    PAPER,
    norm="instance",
    dropout=0.0,
    init_std=None,
    fold=2,
    kernel=5,
    stem_norm=False,
    painted=True,
    source_vector=True,
    turn=True,
    skip=True,
    photo=True,
)
PRINTED = ICfaceLosses(identity_by="head")
RELEASED = ICfaceLosses(
    attributes=10.0,
    perceptual=0.1,
    form="squares",
    attribute_norm="absolute",
    identity_by="head",
    pseudo_truth="neutral",
    schedule="alternating",
)


def vector(**values) -> torch.Tensor:
    return torch.tensor([[float(values.get(name, 0)) for name in COMMON]])


def photo(pairs: Batch) -> Shown:
    return Shown(pairs.image, pairs.points, pairs.source)


class Layers(nn.Module):
    """A feature network for tests: two fixed convolutions."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.first, self.second = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 6, 3, 2, 1)
        self.requires_grad_(False)

    def forward(self, image):
        first = self.first(image).relu()
        return [first, self.second(first).relu()]


def objective(network=PAPER, weights=PRINTED) -> ICfaceObjective:
    torch.manual_seed(0)
    return ICfaceObjective(network, weights, SIZE, PEOPLE, Layers(), Layers())


# Sizes


def convolution(a: int, b: int, kernel: int, bias: bool = False) -> int:
    return a * b * kernel**2 + b * bias


def test_paper_generators_have_the_released_codes_parameters():
    blocks = 6 * 2 * (convolution(512, 512, 3) + 2 * 512)
    down = convolution(128, 256, 3) + 2 * 256 + convolution(256, 512, 3) + 2 * 512
    up = convolution(512, 256, 3) + 2 * 256 + convolution(256, 128, 3) + 2 * 128
    ends = convolution(3 + 20, 128, 7) + 2 * 128 + convolution(128, 3, 7, True)
    assert sum(p.numel() for p in Generator(ICfaceConfig()).parameters()) == ends + down + blocks + up


def test_paper_discriminator_has_the_released_codes_parameters():
    w = 256
    body = convolution(3, w, 3, True) + convolution(w, w, 3, True)
    body += convolution(w, 2 * w, 3) + convolution(2 * w, 2 * w, 3)
    body += convolution(2 * w, 4 * w, 3) + convolution(4 * w, 4 * w, 3)
    body += convolution(4 * w, 8 * w, 3) + convolution(8 * w, 8 * w, 3, True) + convolution(8 * w, 128, 3, True)
    heads = convolution(128, 1, 4, True) + (128 * 64 + 1) * (20 + 939)
    with torch.device("meta"):
        found = Discriminator(replace(ICfaceConfig(), init_std=None), 128, 939)
    assert sum(p.numel() for p in found.parameters()) == body + heads


def test_shapes_and_ranges():
    networks = ICface(PAPER, SIZE, PEOPLE)
    pairs = batch(SIZE, PEOPLE)
    drawn, face = networks.neutralise(photo(pairs))
    neutral, drawn = drawn.image, networks.animate(face, pairs.wanted).image
    assert neutral is face.image and neutral.shape == drawn.shape == pairs.image.shape and drawn.abs().max() <= 1
    judged = networks["discriminator"](drawn)
    assert judged.real.shape == (PEOPLE, 1, 1, 1) and judged.person.shape == (PEOPLE, PEOPLE)
    assert judged.attributes.shape == (PEOPLE, 20) and 0 <= judged.attributes.min() <= judged.attributes.max() <= 1


def test_each_attribute_lies_in_0_to_1_and_the_neutral_one_faces_the_camera():
    assert torch.equal(facial_attributes(vector()), torch.tensor([[0.5] * 3 + [0.0] * 17]))
    found = facial_attributes(vector(pose_pitch=-0.7, pose_yaw=0.7, pose_roll=0.35, AU12=0.8))
    assert torch.allclose(found[0, :3], torch.tensor([0.0, 1.0, 0.75])) and found[0, COMMON.index("AU12")] == 0.8


# Equations


def test_eq_1():
    real, fake = torch.tensor([[0.0, log(3)]]), torch.tensor([[log(4), -log(4)]])  # D: 1/2, 3/4; 4/5, 1/5
    value = (log(1 / 2) + log(3 / 4)) / 2 + (log(1 / 5) + log(4 / 5)) / 2
    assert losses.adversarial(real, fake).item() == pytest.approx(value, abs=1e-6)
    assert losses.critic_loss(real, fake, "log").item() == pytest.approx(-value, abs=1e-6)
    assert losses.deception_loss(fake, "log").item() == pytest.approx(-(log(4 / 5) + log(1 / 5)) / 2, abs=1e-6)


def test_the_released_codes_squares():
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([1.0, -1.0])
    assert losses.critic_loss(real, fake, "squares").item() == pytest.approx((0.25 + 1) / 2 + 1)
    assert losses.deception_loss(fake, "squares").item() == pytest.approx((0 + 4) / 2)


def test_eq_2():
    seen, asked = torch.tensor([[0.5, 0.0, 1.0], [0.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.2, 1.0], [0.3, 0.0, 0.4]])
    assert losses.attribute_loss(seen, asked).item() == pytest.approx(((0.25 + 0.04) + (0.09 + 0.16)) / 2)
    assert losses.attribute_loss(seen, asked, "absolute").item() == pytest.approx((0.5 + 0.2 + 0.3 + 0.4) / 6)


def test_eq_3():
    source = [torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[4.0], [0.0]])]
    drawn = [torch.tensor([[1.5, 2.0], [0.0, 1.0]]), torch.tensor([[1.0], [0.0]])]
    assert losses.identity_loss(source, drawn).item() == pytest.approx(1.5 / 4 + 3 / 2)


def test_eq_4_and_5_are_the_sum_of_their_terms():
    """Each term of eq. 5, computed from the images by hand."""
    weights = ICfaceLosses(attributes=2.0, identity=3.0, reconstruction=5.0, gradient_penalty=0.0)
    system, pairs = objective(replace(PAPER, dropout=0.0, norm="none"), weights), batch(SIZE, PEOPLE)
    networks, neutral_vector = system.networks, torch.zeros(PEOPLE, 20)
    face = networks.neutralise(photo(pairs))[1]
    neutral, drawn = face.image, networks.animate(face, pairs.wanted).image
    pseudo = networks.animate(photo(pairs), neutral_vector).image  # G_A(L_S): the photo with FA_N
    critic, layers = networks["discriminator"], system._frozen["identity"]
    found = system.terms("generators", pairs, 1.0)
    expected = {
        "R_A": 5 * (pairs.target - drawn).abs().mean(),
        "R_N": 5 * (neutral - pseudo).abs().mean(),
    }
    for name, image, asked in (("N", neutral, neutral_vector), ("A", drawn, pairs.wanted)):
        judged = critic(image)
        expected[f"adv_{name}"] = -judged.real.sigmoid().log().mean()
        expected[f"FA_{name}"] = 2 * ((judged.attributes - facial_attributes(asked)) ** 2).sum(1).mean()
        own, other = layers(pairs.image), layers(image)
        expected[f"I_{name}"] = 3 * sum((a - b).abs().mean() for a, b in zip(own, other, strict=True))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, atol=1e-5), name

    found = system.terms("discriminator", pairs, 1.0)
    real = critic(pairs.target)
    for name, image in (("N", neutral), ("A", drawn)):
        value = -(real.real.sigmoid().log().mean() + (1 - critic(image).real.sigmoid()).log().mean())
        assert torch.allclose(found[f"adv_{name}"], value, atol=1e-5)
    wanted = facial_attributes(pairs.wanted)
    assert torch.allclose(found["FA_x"], 2 * ((real.attributes - wanted) ** 2).sum(1).mean(), atol=1e-5)
    assert found.keys() == {"adv_N", "adv_A", "FA_x"}


def test_what_is_drawn_counts_twice_where_something_changes():
    given, target = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.0, 0.4]]]])
    drawn = torch.tensor([[[[0.1, 0.1]]]])  # off by .1 and .3; weights 0 and 2, but for the least change
    expected = 0.5 * (0.1 + 0.3) / 2 + 0.5 * (2 * 0.3) / 2
    drawn = Drawn(drawn, drawn, given=given)
    weights = replace(PAIRS, own=1.0)
    found = objective(MOVED, weights)._pair_terms("A", 1.0, drawn, target)
    assert found["own_A"].item() == pytest.approx(expected, rel=0.01)


def test_gradient_penalty_of_a_linear_critic():
    image = torch.rand(2, 3, 4, 4, requires_grad=True)
    weight = torch.rand(3, 4, 4)
    real = (image * weight).sum((1, 2, 3)).view(2, 1, 1, 1)
    assert losses.gradient_penalty(real, image).item() == pytest.approx((weight**2).sum().item(), rel=1e-5)


def test_perceptual_weights_are_the_released_codes():
    zero, one = [torch.zeros(1, 1)] * 5, [torch.full((1, 1), 1.0)] * 5
    assert losses.perceptual_loss(zero, one).item() == pytest.approx(1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1)


# Learning


def falls(system: ICfaceObjective, phase: str, steps: int = 5) -> dict[str, tuple[float, float]]:
    """The terms of a phase before and after some of its steps on one batch, where they did not fall."""
    pairs = batch(SIZE, PEOPLE)
    groups = [{"params": g["params"], "lr": 2e-3 * g["scale"]} for g in system.parameters(phase)]
    optimiser = torch.optim.Adam(groups)

    def terms() -> dict[str, torch.Tensor]:
        torch.manual_seed(1)  # the same draws each time
        return system.terms(phase, pairs, 1.0)

    before = {name: value.item() for name, value in terms().items()}
    for _ in range(steps):
        optimiser.zero_grad()
        sum(terms().values()).backward()
        optimiser.step()
    return {name: (before[name], value.item()) for name, value in terms().items() if not value.item() < before[name]}


STEADY = replace(PAPER, norm="instance", dropout=0.0, init_std=None)
PAIRS = ICfaceLosses(
    **dict.fromkeys(("adversarial", "attributes", "identity", "reconstruction", "gradient_penalty"), 0.0),
    pair_neutral=1.0,
    pair_target=1.0,
    exact_share=0.5,
    direct_share=0.3,
    vector_noise=0.05,
    own=0.4,
    points=1.0,
)
MOVING = {f"{term}_{name}" for term in ("pair", "moved", "own", "points") for name in "NA"} | {"points_NA"}


@pytest.mark.parametrize(
    ("network", "weights", "phase", "terms"),
    [
        (STEADY, PRINTED, "discriminator", {"adv_N", "adv_A", "penalty", "FA_x", "I_x"}),
        (STEADY, ICfaceLosses(), "generators", {"adv_N", "FA_N", "I_N", "R_N", "adv_A", "FA_A", "I_A", "R_A"}),
        (STEADY, RELEASED, "discriminator", {"adv_N", "adv_A", "penalty", "FA_x", "I_x"}),
        (STEADY, RELEASED, "animator", {"adv_A", "FA_A", "I_A", "R_A"}),
        (STEADY, RELEASED, "neutralizer", {"adv_N", "FA_N", "I_N", "R_N", "R_A", "perceptual_N"}),
        (MOVED, PAIRS, "generators", MOVING),
        (replace(MOVED, neutralizer=False), PAIRS, "animator", {"pair_A", "moved_A", "own_A", "points_A"}),
    ],
)
def test_each_term_alone_falls_on_one_batch(network, weights, phase, terms):
    pairs = batch(SIZE, PEOPLE)
    assert set(objective(network, weights).terms(phase, pairs, 1.0)) == terms
    for term in terms:
        system = objective(network, weights)
        every = system.terms

        def only(*given, every=every, term=term):
            return {term: every(*given)[term]}

        system.terms = only
        assert falls(system, phase) == {}


# Switches


def test_schedules():
    joint, alternating = objective(), objective(weights=RELEASED)
    assert joint.phases(0) == ("discriminator", "generators")
    assert alternating.phases(0) == ("discriminator", "animator", "neutralizer")
    staged = objective(weights=replace(PRINTED, schedule="two-stage", stage_steps=3))
    assert [staged.phases(step)[-1] for step in (0, 2, 3, 4)] == ["neutralizer"] * 2 + ["animator"] * 2
    both = {id(p) for g in joint.parameters("generators") for p in g["params"]}
    nets = joint.networks
    assert both == {id(p) for name in ("neutralizer", "animator") for p in nets[name].parameters()}


def gradients(system: ICfaceObjective, phase: str) -> set[str]:
    """The generators that a phase's terms have gradients for."""
    system.networks.zero_grad()
    sum(system.terms(phase, batch(SIZE, PEOPLE), 1.0).values()).backward()
    return {
        name
        for name in ("neutralizer", "animator")
        if any(p.grad is not None and p.grad.any() for p in system.networks[name].parameters())
    }


def test_each_phase_trains_what_it_names():
    joint, alternating = objective(), objective(weights=RELEASED)
    staged = objective(weights=replace(PRINTED, schedule="two-stage", stage_steps=9))
    assert gradients(joint, "discriminator") == set()
    assert gradients(joint, "generators") == {"neutralizer", "animator"}
    assert gradients(alternating, "animator") == {"animator"}
    assert "neutralizer" in gradients(alternating, "neutralizer")  # through G_A, too, as released
    assert gradients(staged, "neutralizer") == {"neutralizer"} and gradients(staged, "animator") == {"animator"}


def test_what_moves_pixels_learns_more_slowly():
    system = objective(MOVED, PAIRS)
    groups = system.parameters("generators")
    photos = [system.networks[name].photo for name in ("neutralizer", "animator")]
    for part, scale in (("coarse", 0.4), ("fine", 0.1)):
        slow = {id(p) for group in groups if group["scale"] == scale for p in group["params"]}
        assert slow == {id(p) for moved in photos for p in getattr(moved, part).parameters()}
    every = [id(p) for group in groups for p in group["params"]]
    assert (
        len(every)
        == len(set(every))
        == sum(len(list(system.networks[n].parameters())) for n in ("neutralizer", "animator"))
    )
    assert [g["scale"] for g in objective(PAPER, PRINTED).parameters("generators")] == [1.0]


def test_points_are_missed_over_what_a_rigid_head_misses():
    """Known flows: G_N's 2 pixels to the right everywhere, G_A's 3 down."""
    system = objective(MOVED, replace(PAIRS, exact_share=0.0, direct_share=0.0, vector_noise=0.0))
    for name, shift in (("neutralizer", (2.0, 0.0)), ("animator", (0.0, 3.0))):
        coarse = system.networks[name].photo.coarse
        for head in heads(system.networks[name]):
            nn.init.zeros_(head.weight)
        coarse.flow.bias.data = torch.tensor(shift) * (2 / SIZE) / coarse.scale
    pairs = batch(SIZE, PEOPLE)
    smile = vector(AU12=1.0).expand(PEOPLE, -1)  # asked for or taken away: the flows are played, and no head turns
    rest = pairs.exact_points
    pairs = replace(pairs, source=smile, wanted=smile, neutral_points=rest - torch.tensor([2.0, 0.0, 0.0]))
    pairs = replace(pairs, target_points=pairs.neutral_points - torch.tensor([0.0, 3.0, 0.0]))
    found = system.terms("generators", pairs, 1.0)
    assert max(found["points_N"], found["points_A"], found["points_NA"]) < 1e-3
    found = system.terms("generators", replace(pairs, target_points=pairs.neutral_points), 1.0)
    assert found["points_A"].item() == pytest.approx(1.5 / (0.3 * SIZE / 128), 1e-2)  # nothing to move, 3 pixels moved
    assert found["points_NA"].item() == pytest.approx(1.5 / (1 + 0.3 * SIZE / 128), 1e-2)  # 2 to move, 3 missed


def test_without_the_neutraliser_g_a_works_on_the_photo():
    system, pairs = objective(replace(PAPER, neutralizer=False)), batch(SIZE, PEOPLE)
    assert "neutralizer" not in system.networks and system.phases(0) == ("discriminator", "animator")
    system.networks.eval()
    drawn = system.networks.animate(photo(pairs), pairs.wanted).image
    assert torch.equal(system.generate(pairs).image, drawn)
    assert set(system.terms("animator", pairs, 1.0)) == {"adv_A", "FA_A", "I_A", "R_A"}
    assert set(system.terms("discriminator", pairs, 1.0)) == {"adv_A", "penalty", "FA_x", "I_x"}


def test_the_critic_waits_where_it_is_told_to():
    system, pairs = objective(weights=replace(PRINTED, adversarial_from=0.5)), batch(SIZE, PEOPLE)
    assert system.terms("discriminator", pairs, 0.4) == {}
    assert set(system.terms("generators", pairs, 0.4)) == {"R_N", "R_A"}
    assert "adv_A" in system.terms("generators", pairs, 0.5)
    never = objective(weights=replace(PRINTED, adversarial_from=1.0))
    assert never.phases(0) == ("generators",)


def test_exact_neutral_faces_go_to_the_animator():
    system, pairs = (
        objective(STEADY, replace(PAIRS, exact_share=1.0, direct_share=0.0, points=0.0)),
        batch(SIZE, PEOPLE),
    )
    face = system.networks.neutralise(photo(pairs))[1]
    drawn = system.networks.animate(face._replace(image=pairs.neutral), pairs.wanted).image
    expected = relative_error(drawn, pairs.neutral, pairs.target).mean()
    assert torch.allclose(system.terms("generators", pairs, 1.0)["pair_A"], expected)
    assert not torch.allclose(system.generate(pairs).image, drawn)  # in use there is no exact face


def test_photos_go_to_the_animator_with_what_they_show():
    weights = replace(PAIRS, exact_share=0.0, direct_share=1.0, points=0.0, own=0.0)
    system, pairs = objective(MOVED, weights), batch(SIZE, PEOPLE)
    drawn = system.networks.animate(photo(pairs), pairs.wanted)
    expected = relative_error(drawn.image, drawn.given, pairs.target).mean()
    assert torch.allclose(system.terms("generators", pairs, 1.0)["pair_A"], expected)


def test_what_is_asked_of_pairs_needs_what_it_is_about():
    with pytest.raises(ValueError, match="photo"):
        objective(PAPER, replace(PAIRS, points=1.0))
    with pytest.raises(ValueError, match="source_vector"):
        quiet(MOVED, source_vector=False)
    with pytest.raises(ValueError, match="schedule"):
        objective(weights=replace(PRINTED, schedule="none")).phases(0)


def quiet(network: ICfaceConfig, **changes) -> ICface:
    torch.manual_seed(0)
    return ICface(replace(network, **changes), SIZE, PEOPLE).eval()


def test_the_paper_tells_its_generators_the_vector_alone():
    """Planes are constant: no landmark and no vector of the photo's own reaches them."""
    networks, pairs = quiet(PAPER), batch(SIZE, PEOPLE)
    assert networks["animator"].stem[1].in_channels == 3 + 20
    other = Shown(pairs.image, pairs.points + 9, pairs.source + 0.3)
    assert torch.equal(networks.neutralise(other)[1].image, networks.neutralise(photo(pairs))[1].image)
    moved = networks.animate(photo(pairs), pairs.wanted + 0.3).image
    assert not torch.allclose(moved, networks.animate(photo(pairs), pairs.wanted).image)


@pytest.mark.parametrize(
    ("changes", "hears_units", "hears_pose"),
    [
        ({}, True, True),
        ({"photo": False, "source_vector": False}, False, True),
        ({"photo": False, "source_vector": False, "turn": False}, False, False),
    ],
)
def test_what_g_n_is_told_of_the_photo(changes, hears_units, hears_pose):
    networks, pairs = quiet(MOVED, **changes), batch(SIZE, PEOPLE)

    def neutral(source: torch.Tensor) -> torch.Tensor:
        return networks.neutralise(Shown(pairs.image, pairs.points, source))[1].image

    base, smile = neutral(pairs.source), neutral(pairs.source + vector(AU12=0.4))
    turned = neutral(pairs.source + vector(pose_yaw=0.3))
    assert torch.equal(base, smile) != hears_units and torch.equal(base, turned) != hears_pose


def heads(generator: Generator) -> list[nn.Conv2d]:
    return [generator.photo.coarse.flow, generator.photo.fine]


def test_moved_pixels_start_as_the_photo_and_turn_with_the_head():
    pairs = batch(SIZE, PEOPLE)
    networks = quiet(MOVED)
    for head in heads(networks["animator"]):
        nn.init.zeros_(head.weight)
    rest = Shown(pairs.image, pairs.points, torch.zeros(PEOPLE, 20))
    still = networks.animate(rest, rest.vector)
    assert still.flow.abs().max() == 0 and torch.equal(still.share, torch.ones(PEOPLE, 1, SIZE, SIZE))
    assert torch.allclose(still.image, pairs.image, atol=1e-5)
    asked = vector(pose_yaw=0.3).expand(PEOPLE, -1)
    turned = networks.animate(rest, asked)
    flow = enlarged(rigid_flow(pairs.points, torch.zeros_like(asked), asked, SIZE), SIZE)
    assert torch.allclose(turned.flow, flow, atol=1e-6)
    assert torch.allclose(turned.image, turned.mask * turned.moved + (1 - turned.mask) * turned.own, atol=1e-5)
    assert torch.allclose(turned.mask, torch.full((PEOPLE, 1, SIZE, SIZE), 0.93), atol=0.02)


def test_moved_pixels_change_their_colours():
    """A known change: the fine head's last three channels give every pixel 2 tanh(.1 * 5) of red."""
    pairs, networks = batch(SIZE, PEOPLE), quiet(MOVED)
    photo = networks["animator"].photo
    for head in heads(networks["animator"]):
        nn.init.zeros_(head.weight)
    photo.fine.bias.data.view(6, -1)[3] = 5.0
    rest = Shown(pairs.image, pairs.points, torch.zeros(PEOPLE, 20))
    drawn = networks.animate(rest, vector(AU12=1.0).expand(PEOPLE, -1))
    red = 2 * np.tanh(0.5)
    assert torch.allclose(drawn.moved - pairs.image, torch.tensor([red, 0.0, 0.0]).view(3, 1, 1).float(), atol=1e-5)
    assert drawn.share.max() == 0  # more than .5 of -1..1: nothing of the photo is left
    photo.fine.bias.data.view(6, -1)[3] = 1.0
    drawn = networks.animate(rest, vector(AU12=1.0).expand(PEOPLE, -1))
    assert torch.allclose(drawn.share, drawn.mask * (1 - 2 * np.tanh(0.1) / 0.5), atol=1e-5)


def test_two_generators_sample_the_photo_once():
    """Known flows of a picture of noise: half a pixel to the right and half a pixel back is the photo, not blurred."""
    networks, points = quiet(MOVED), batch(SIZE, PEOPLE).points
    noise = torch.rand(PEOPLE, 3, SIZE, SIZE) * 2 - 1
    for name, shift in (("neutralizer", 0.5), ("animator", -0.5)):
        head = networks[name].photo
        for layer in heads(networks[name]):
            nn.init.zeros_(layer.weight)
        head.coarse.flow.bias.data = torch.tensor([shift, 0.0]) * (2 / SIZE) / head.coarse.scale
        head.fine.bias.data.view(6, -1)[2] = 20.0  # the logit of the mask
    smile = vector(AU12=1.0).expand(PEOPLE, -1)
    drawn, face = networks.neutralise(Shown(noise, points, smile))
    back = networks.animate(face, smile)
    inside = (..., slice(2, -2))
    assert (drawn.image - noise)[inside].abs().mean() > 0.1
    assert (back.moved - noise)[inside].abs().mean() < 0.02  # masks end at .98
    assert torch.allclose(back.way[inside], torch.zeros(()), atol=1e-5)


def test_the_neutral_face_and_what_a_photo_without_a_neutraliser_shows():
    source = vector(pose_pitch=0.1, pose_yaw=-0.3, pose_roll=0.05, AU12=0.5)
    given = Shown(torch.zeros(1, 3, SIZE, SIZE), canonical(SIZE, source[0, :3].tolist(), HEAD_CENTRE), source)
    face = quiet(MOVED).neutralise(given)[1]
    assert torch.allclose(face.points, canonical(SIZE, centre=HEAD_CENTRE), atol=1e-3) and face.vector.abs().max() == 0
    drawn, face = quiet(MOVED, neutralizer=False).neutralise(given)
    assert drawn is None and all(torch.equal(a, b) for a, b in zip(face[:3], given[:3], strict=True))
    assert quiet(PAPER, neutralizer=False).neutralise(given)[1].vector.abs().max() == 0


# What a pack is made of


@pytest.mark.filterwarnings("ignore")  # torch's own exporter is deprecated, and says so
@pytest.mark.parametrize(
    ("network", "moved", "share"),
    [
        (PAPER, True, 0.0),
        (MOVED, True, 0.92**2),  # what G_A keeps of what G_N kept, with masks as they start
        (MOVED, False, 0.0),
        (replace(MOVED, neutralizer=False), True, 0.92),
    ],
    ids=["paper", "moved", "drawn", "one"],
)
def test_onnx_says_what_torch_says(tmp_path, network, moved, share):
    networks, pairs = quiet(network), batch(SIZE, PEOPLE)
    inputs = (pairs.image[:1], pairs.points[:1], pairs.source[:1])
    encode, animate = Encode(networks, SIZE, moved).eval(), Animate(networks, moved).eval()
    with torch.no_grad():
        state = encode(*inputs)
        expected = animate(*state, pairs.wanted)
    options = {"opset_version": 17, "dynamo": False}
    torch.onnx.export(
        encode, inputs, str(tmp_path / "encoder.onnx"), input_names=list(ENCODER_INPUTS), output_names=list(STATE),
        **options,
    )  # fmt: skip
    torch.onnx.export(
        animate, (*state, pairs.wanted[:2]), str(tmp_path / "animator.onnx"), input_names=[*STATE, "attributes"],
        output_names=["image", "alpha", "synthetic"], dynamic_axes={"attributes": {0: "batch"}}, **options,
    )  # fmt: skip

    def run(name, given):
        session = onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"])
        given = {i.name: given[i.name] for i in session.get_inputs()}
        return session.run(None, given)

    found = run("encoder.onnx", {n: t.numpy() for n, t in zip(ENCODER_INPUTS, inputs, strict=True)})
    for ours, theirs in zip(state, found, strict=True):
        assert np.abs(ours.numpy() - theirs).max() < 1e-4
    given = dict(zip(STATE, found, strict=True))
    found = run("animator.onnx", {**given, "attributes": pairs.wanted.numpy()})
    for ours, theirs in zip(expected, found, strict=True):
        assert ours.numpy().dtype == theirs.dtype == np.uint8
        assert np.abs(ours.numpy().astype(int) - theirs).max() <= 1
    assert found[0].shape == (PEOPLE, SIZE, SIZE, 3)
    assert found[1][:, 0].max() < 30 and (found[1][:, 8:-8, 8:-8] == 255).all()
    assert np.abs(found[2] / 255 - (1 - share)).max() < 0.05
