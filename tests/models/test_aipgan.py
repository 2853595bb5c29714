"""AIP-GAN: equations against numbers worked out by hand, terms that fall, switches that do what they say, graphs."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import onnxruntime
import pytest
import torch
from faces import canonical
from overfit import batch, falls

from addon.core.attributes import COMMON
from models.losses import aipgan as losses
from models.losses.aipgan import AipganLosses, AipganObjective, aipgan
from models.networks.aipgan import (
    ENCODER_INPUTS,
    EXPRESSION,
    STATE,
    VGG16,
    Aipgan,
    AipganConfig,
    Animate,
    Attended,
    Draw,
    Driver,
    Encode,
    Expressed,
    ExpressionAttention,
    Join,
    SqueezeExcite,
    joined_maps,
    parted_maps,
    stretched,
)
from models.networks.bilinear import CompactBilinear
from models.networks.moved_photo import Photo, detailed

SMALL = AipganConfig(
    size=64,
    channels=(8, 8, 8, 16, 16, 16),
    decoder=(16, 16, 16, 8, 8, 8),
    joined=(1, 3, 4),
    expression=8,
    identity=8,
    hidden=16,
    drawn_side=16,
    sketch=32,
    critic_width=4,
    critic_scales=2,
    features=((8, 1), (8, 2), (16, 1)),
    people=4,
    express_width=8,
)
ADDED = {"difference": True, "painted": 16, "skips": True, "mixing": 1, "shuffle": 2, "photo": True}
FULL = replace(SMALL, decoder=(16, 16, 16, 8, 8), **ADDED)  # the last block less: its side comes from the shuffle
PAIRS = AipganLosses(
    reconstruct="target",
    norms="mean",
    expression_layers="last",
    reading=1.0,
    expressed=0.5,
    express=100.0,
    changed=1.0,
    pair=1.0,
    points=1.0,
)


def vector(**values) -> torch.Tensor:
    return torch.tensor([[float(values.get(name, 0)) for name in COMMON]])


def photo(size: int = 64, seed: int = 1, **values) -> Photo:
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Photo(image, canonical(size), vector(**values))


# Modules


def test_attention_is_the_maps_weighed_by_their_probabilities():
    """Sec. 3.1, on two classes and four places."""
    module = ExpressionAttention(2, 2, "minmax")
    module.attend = torch.nn.Identity()
    with torch.no_grad():
        module.classes.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
        module.classes.bias.zero_()
    features = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]], [[4.0, 0.0], [0.0, 0.0]]]])  # Q = F; means 2 and 1
    found = module(features)
    p = torch.tensor([2.0, 1.0]).softmax(0)
    mixed = p[0] * features[0, 0] + p[1] * features[0, 1]
    alpha = (mixed - mixed.min()) / (mixed.max() - mixed.min())
    torch.testing.assert_close(found.logits, torch.tensor([[2.0, 1.0]]))
    torch.testing.assert_close(found.map[0, 0], alpha, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.features, features * found.map)
    assert stretched(torch.full((1, 1, 1, 1), -3.0)).item() == 1


def test_squeeze_and_excite_adds_both_weightings():
    """All weights 0: each gate is a half, their sum leaves the features as they are."""
    module = SqueezeExcite(4)
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.rand(2, 4, 3, 3)
    torch.testing.assert_close(module(x), x)
    torch.nn.init.constant_(module.place.bias, 40.0)  # the place's gate open: 1 + 1/2
    torch.testing.assert_close(module(x), 1.5 * x)


@pytest.mark.parametrize("inputs", [(5, 7), (5, 7, 6)])
def test_bilinear_pooling_is_the_sketch_of_the_outer_product(inputs):
    """The pooled value at n is the sum of all products whose places in the sketch add up to n, signs multiplied."""
    d = 8
    module = CompactBilinear(inputs, d)
    features = [torch.randn(1, channels, 2, 3) for channels in inputs]
    rng = np.random.default_rng(20)
    places, signs = zip(*((rng.integers(d, size=c), rng.choice([-1.0, 1.0], c)) for c in inputs), strict=True)
    expected = torch.zeros(1, d, 2, 3)
    for index in np.ndindex(*inputs):
        product = torch.ones(2, 3)
        for x, i, sign in zip(features, index, signs, strict=True):
            product = product * x[0, i] * float(sign[i])
        expected[0, sum(int(place[i]) for place, i in zip(places, index, strict=True)) % d] += product
    torch.testing.assert_close(module.pooled(*features), expected, atol=1e-5, rtol=1e-4)
    assert module(*features).square().mean(1).flatten().tolist() == pytest.approx([1.0] * 6, abs=0.05)


def test_bilinear_pooling_learns_nothing_and_is_not_kept():
    module = CompactBilinear((4, 4), 8)
    assert list(module.parameters()) == []
    assert module.state_dict() == {}
    torch.testing.assert_close(module.spectrum_1, CompactBilinear((4, 4), 8).spectrum_1)


# Equations


def test_eq_1_is_the_mean_of_the_labels_logarithms_over_layers():
    """Two pictures, one layer sure of .8, one of .5; the second picture shows nothing and counts 0."""
    logits = lambda p: torch.tensor([[log(p), log(1 - p)], [3.0, 1.0]])  # noqa: E731
    nothing = torch.zeros(1)
    found = [Attended(nothing, logits(0.8), nothing), Attended(nothing, logits(0.5), nothing)]
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert losses.attention_loss(found, labels).item() == pytest.approx(-(log(0.8) + log(0.5)) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"AU12": 0.9, "AU06": 0.5}, "happiness"),
        ({"AU04": 0.8, "AU05": 0.6, "AU07": 0.7, "AU23": 0.6}, "anger"),
        ({"AU01": 0.8, "AU04": 0.6, "AU15": 0.9}, "sadness"),
        ({"AU01": 0.8, "AU02": 0.9, "AU05": 0.7, "AU26": 1.0}, "surprise"),
        ({"AU01": 0.7, "AU02": 0.6, "AU04": 0.7, "AU05": 0.7, "AU20": 0.9}, "fear"),
        ({"AU09": 0.9, "AU10": 0.5}, "disgust"),
    ],
)
def test_a_vector_is_labelled_by_the_expression_it_points_along(values, expected):
    labels = losses.expression_labels(vector(**values, pose_yaw=0.4), "basic")[0]
    assert labels.tolist() == [float(name == expected) for name in losses.EXPRESSIONS]


def test_a_neutral_face_has_no_label():
    for kind in ("basic", "units"):
        assert losses.expression_labels(vector(AU12=0.1, pose_yaw=0.5), kind).sum().item() == 0
    shares = losses.expression_labels(vector(AU01=0.9, AU12=0.3), "units")[0]
    assert shares[0].item() == pytest.approx(0.75)
    assert shares.sum().item() == pytest.approx(1)


def test_the_landmark_picture_has_a_dot_at_each_point():
    points = torch.full((1, 478, 3), -50.0)
    points[0, losses.DLIB[30]] = torch.tensor([31.5, 63.5, 0.0])  # pixel middles; x 31.5 of 128 is 7.5 of 32
    picture = losses.landmark_picture(points, 128, 32)[0, 0]
    y, x = divmod(int(picture.argmax()), 32)
    assert (x in (7, 8), y in (15, 16)) == (True, True)
    assert picture[15, 7].item() == pytest.approx(picture[16, 8].item(), abs=1e-5)
    assert len(set(losses.DLIB)) == 68


def test_l_d_and_l_h_are_lengths_as_printed_or_roots_of_mean_squares():
    drawn, true = torch.zeros(1, 1, 2, 2), torch.tensor([[[[3.0, 4.0], [0.0, 0.0]]]])
    assert losses.distance(drawn, true).item() == pytest.approx(5, abs=1e-4)
    assert losses.distance(drawn, true, "mean").item() == pytest.approx(2.5, abs=1e-4)


def test_l_id_adds_the_layers_mean_differences():
    found = [torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0]])]
    wanted = [torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0]])]
    assert losses.feature_distance(found, wanted).item() == pytest.approx(1.5 + 2)
    assert losses.layers_compared(VGG16) == (2, 4, 6, 9, 12)


def test_the_critics_loss_is_least_squares_over_scales():
    real, drawn = [torch.tensor([0.5]), torch.tensor([1.0])], [torch.tensor([0.2]), torch.tensor([0.4])]
    assert losses.critic_loss(real, drawn).item() == pytest.approx(0.25 + 0.04 + 0 + 0.16)
    assert losses.deception_loss(drawn).item() == pytest.approx(0.64 + 0.36)


def test_eq_2_weighs_each_term():
    objective = AipganObjective(Aipgan(SMALL), AipganLosses())
    weights = AipganLosses()
    names = ("reconstruction", "identity", "expression", "landmarks", "identity_map", "attention", "adversarial")
    assert [getattr(weights, name) for name in names] == [20, 10, 10, 5, 5, 3, 3]
    heavy = AipganObjective(objective.networks, replace(weights, **{n: 2 * getattr(weights, n) for n in names}))
    once, twice = (o.terms("generator", batch(), 1.0) for o in (objective, heavy))
    assert set(once) == {"irec", "if", "ef", "d", "h", "att", "adv", "express"}
    for name in set(once) - {"express"}:
        assert twice[name].item() == pytest.approx(2 * once[name].item(), rel=1e-4)


# Training


def test_the_curriculum_has_three_stages_after_the_features():
    objective = AipganObjective(Aipgan(SMALL), AipganLosses(feature_steps=2, encoder_steps=3, decoder_steps=4))
    phases = [objective.phases(step) for step in range(10)]
    assert phases == [("features",)] * 2 + [("encoders",)] * 3 + [("decoder",)] * 4 + [("discriminator", "generator")]
    given = AipganObjective(objective.networks, objective.losses, torch.nn.Identity(), torch.nn.Identity())
    assert given.phases(0) == ("encoders",)


@pytest.mark.parametrize("phase", ["features", "encoders", "decoder", "discriminator", "generator"])
@pytest.mark.parametrize("added", [False, True])
def test_each_term_falls_on_one_batch(phase, added):
    torch.manual_seed(0)
    network, weights = (FULL, PAIRS) if added else (SMALL, AipganLosses())
    stages = {"feature_steps": 1, "encoder_steps": 1, "decoder_steps": 1}
    objective = AipganObjective(Aipgan(network), replace(weights, **stages))
    step = {"features": 0, "encoders": 1, "decoder": 2}.get(phase, 3)
    fell = falls(objective, phase, step, steps=10)
    assert fell
    assert all(fell.values()), fell


def test_a_phase_trains_its_own_networks_alone():
    objective = AipganObjective(Aipgan(SMALL), AipganLosses())
    names = {id(p): name for name, net in objective.networks.items() for p in net.parameters()}
    for phase, owners in {
        "features": {"V_id", "V_exp"},
        "encoders": {"G_es", "G_et"},
        "decoder": {"G_de", "express"},
        "discriminator": {"D"},
        "generator": {"G_es", "G_et", "G_de", "express"},
    }.items():
        assert {names[id(p)] for group in objective.parameters(phase) for p in group["params"]} == owners


def test_what_express_learns_from_teaches_the_papers_networks_nothing():
    objective = AipganObjective(Aipgan(SMALL), AipganLosses())
    objective.terms("generator", batch(), 1.0)["express"].backward()
    learning = {
        name
        for name, net in objective.networks.items()
        if any(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())
    }
    assert learning == {"express"}


# Switches


@pytest.mark.parametrize(
    ("off", "term"),
    [
        ({"attention": 0.0}, "att"),
        ({"landmarks": 0.0}, "d"),
        ({"identity_map": 0.0}, "h"),
        ({"identity": 0.0}, "if"),
        ({"expression": 0.0}, "ef"),
        ({"reconstruction": 0.0}, "irec"),
        ({"adversarial": 0.0}, "adv"),
    ],
)
def test_an_ablation_leaves_its_term_out_and_no_other(off, term):
    whole = AipganObjective(Aipgan(SMALL), AipganLosses())
    without = AipganObjective(whole.networks, AipganLosses(**off))
    all_terms, fewer = whole.terms("generator", batch(), 1.0), without.terms("generator", batch(), 1.0)
    assert set(all_terms) - set(fewer) == {term}
    for name, value in fewer.items():
        assert value.item() == pytest.approx(all_terms[name].item(), rel=1e-4)


def test_the_ablation_of_bilinear_pooling_leaves_a_convolution_of_all_three():
    torch.manual_seed(0)
    x, expression, identity = torch.randn(2, 4, 5, 5), torch.randn(2, 3, 5, 5), torch.randn(1, 3, 5, 5)
    plain = Join(4, 3, 6, replace(SMALL, bilinear="none"))
    joined = torch.cat([x, expression, identity.expand(2, -1, -1, -1)], 1)
    torch.testing.assert_close(plain(x, expression, identity), plain.conv(joined))
    for kind in ("all", "encoders"):
        pooled = Join(4, 3, 6, replace(SMALL, bilinear=kind))
        assert pooled(x, expression, identity).shape == (2, 6, 5, 5)
        # twice the expression: pooling keeps its direction only, so the result stays
        torch.testing.assert_close(
            pooled(x, 2 * expression, identity), pooled(x, expression, identity), atol=2e-2, rtol=0
        )
        assert (pooled(x, -expression, identity) - pooled(x, expression, identity)).abs().max() > 0.05


def test_a_picture_is_compared_with_the_photo_as_printed_or_with_the_truth():
    networks, pairs = Aipgan(SMALL), batch()
    with torch.no_grad():
        own = networks.drive(Photo(pairs.image, pairs.points, pairs.source), pairs.driver).own
    for reconstruct, truth in (("photo", pairs.image), ("target", pairs.target)):
        objective = AipganObjective(networks, AipganLosses(reconstruct=reconstruct))
        value = objective.terms("decoder", pairs, 0.0)["irec"].item()
        assert value == pytest.approx(20 * (own - truth).abs().mean().item(), rel=1e-4)


def test_the_share_that_is_driven_by_vectors():
    networks, pairs = Aipgan(SMALL).eval(), batch()
    source = Photo(pairs.image, pairs.points, pairs.source)
    for share, image in (
        (0.0, networks.drive(source, pairs.driver).own),
        (1.0, networks.animate(source, pairs.wanted).own),
    ):
        objective = AipganObjective(networks, AipganLosses(expressed=share))
        drawn = objective._draw(pairs, networks["G_et"](pairs.image))[0]
        torch.testing.assert_close(drawn.own, image, atol=1e-5, rtol=0)


def test_while_it_is_taught_the_vector_is_the_true_one():
    """Without a share driven by vectors, what is painted is still what the driver truly shows; reading learns apart."""
    objective, pairs = AipganObjective(Aipgan(FULL), replace(PAIRS, expressed=0.0)), batch()
    drawn = objective._draw(pairs, objective.networks["G_et"](pairs.image))[0]
    change = (pairs.wanted - pairs.source).abs().amax(1)
    torch.testing.assert_close(drawn.played[:, 0], (change / 0.1).clamp(max=1))
    drawn.image.mean().backward()
    assert objective.networks["G_es"].reading.weight.grad is None
    objective.terms("generator", pairs, 1.0)["reading"].backward()
    assert objective.networks["G_es"].reading.weight.grad.abs().max() > 0


@pytest.mark.parametrize("network", [SMALL, FULL])
def test_identity_comes_from_the_photo_and_expression_from_the_driver(network):
    torch.manual_seed(0)
    networks = Aipgan(network).eval()
    source, other = photo(AU12=0.5), photo(seed=2)
    identity = networks["G_et"](source.image)
    expression = networks["G_es"](other.image)[0]
    same = networks["G_de"](identity, expression, source)
    uses_photo = networks["G_de"](identity, expression, source._replace(image=-source.image))
    torch.testing.assert_close(uses_photo.own, same.own)
    assert ((uses_photo.image - same.image).abs().max() > 0.01) == network.photo
    for changed in (
        networks["G_de"](networks["G_et"](other.image), expression, source),
        networks["G_de"](identity, networks["G_es"](-other.image)[0], source),
    ):
        assert (changed.own - same.own).abs().max() > 1e-4


def test_nothing_asked_gives_the_photo_back_where_its_pixels_are_moved():
    networks = Aipgan(FULL).eval()
    source = photo(AU12=0.5, pose_yaw=0.2)
    drawn = networks.animate(source, source.vector)
    torch.testing.assert_close(drawn.image, source.image, atol=1e-5, rtol=0)
    assert drawn.mask.min() == 1


def test_sides_of_a_picture_that_is_no_power_of_two():
    """Sec. 4.1: 96 pixels, halved seven times, odd sides rounded up."""
    config = AipganConfig()
    assert config.encoder_sides == (48, 24, 12, 6, 3, 2, 1)
    assert config.ladder == (1, 2, 3, 6, 12, 24, 48, 96)
    assert config.map_shapes == ((512, 1), (256, 3), (128, 12), (128, 24))
    small = replace(SMALL, size=48, joined=(1, 2, 4), decoder=(16, 16, 8, 8, 8, 8))
    assert small.encoder_sides == (24, 12, 6, 3, 2, 1)
    assert Aipgan(small).eval().animate(photo(48), vector(AU12=1.0)).own.shape == (1, 3, 48, 48)


@pytest.mark.parametrize("switch", [{"skips": True}, {"mixing": 1}, {"photo": True}])
def test_what_is_painted_needs_a_side(switch):
    with pytest.raises(ValueError, match="painted"):
        replace(SMALL, **switch)


def test_configurations_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="side"):
        replace(SMALL, shuffle=2)
    with pytest.raises(ValueError, match="photo"):
        AipganObjective(Aipgan(SMALL), AipganLosses(points=1.0))


def test_a_preset_takes_its_size_and_people_from_the_data():
    network = replace(SMALL, channels=(*SMALL.channels, 16), decoder=(16, *SMALL.decoder))
    objective = aipgan(replace(network, size=128), AipganLosses(), 128, 11)
    assert objective.networks["V_id"](torch.zeros(1, 3, 128, 128)).shape == (1, 11)
    assert objective.generate(batch(128, 2)).image.shape == (2, 3, 128, 128)


def test_the_papers_numbers_stand_in_the_defaults():
    """Secs. 4.1 and 4.2."""
    config = AipganConfig()
    assert config.channels == (64, 128, 128, 256, 256, 512, 512)
    assert config.decoder == (512, 512, 256, 256, 128, 128, 64)
    assert (config.size, config.expression, config.identity, config.joined) == (96, 30, 50, (1, 3, 5, 6))
    assert not any(getattr(config, name) for name in ("difference", "painted", "skips", "mixing", "photo"))


# Graphs


def test_maps_travel_as_one_tensor():
    maps = (torch.rand(2, 3, 4, 4), torch.rand(2, 5, 1, 1))
    for given, back in zip(maps, parted_maps(joined_maps(maps), ((3, 4), (5, 1))), strict=True):
        torch.testing.assert_close(back, given)


@pytest.mark.parametrize(("network", "moved"), [(SMALL, True), (FULL, True), (FULL, False)])
def test_graphs_agree_with_torch(network, moved, tmp_path):
    torch.manual_seed(0)
    networks = Aipgan(network).eval()
    source, driver = photo(AU12=0.4, pose_yaw=0.1), torch.cat([photo(seed=2).image, photo(seed=3).image])
    attributes = torch.cat([vector(AU26=1.0, pose_yaw=-0.2), source.vector])
    outputs = ("image", "alpha", "synthetic")
    state = dict(zip(STATE, Encode(networks, 64).eval()(*source), strict=True))

    def run(module, given: dict, names, many: tuple) -> list[np.ndarray]:
        """Exports a module, runs the graph on `given` and compares it with torch; `many` are batches of any length."""
        module.eval()
        path = tmp_path / "graph.onnx"
        torch.onnx.export(
            module,
            tuple(given.values()),
            str(path),
            input_names=list(given),
            output_names=list(names),
            dynamic_axes={name: {0: "B"} for name in (*many, *(names if many else ()))},
            opset_version=17,
            dynamo=False,
        )
        graph = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        longer = {n: torch.cat([t, t[:1]]) if n in many else t for n, t in given.items()}
        found = graph.run(list(names), {i.name: longer[i.name].detach().numpy() for i in graph.get_inputs()})
        with torch.no_grad():
            expected = module(*longer.values())
        for ours, theirs in zip(found, expected, strict=True):
            theirs = theirs.numpy()
            assert ours.shape == theirs.shape
            if ours.dtype == np.uint8:
                assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
            else:
                np.testing.assert_allclose(ours, theirs, atol=1e-4)
        return found

    run(Encode(networks, 64), dict(zip(ENCODER_INPUTS, source, strict=True)), STATE, ())
    seen = run(Driver(networks, 64), {"image": driver}, EXPRESSION, ("image",))
    run(Expressed(networks), {"attributes": attributes}, EXPRESSION, ("attributes",))
    frames = run(Animate(networks, moved), {**state, "attributes": attributes}, outputs, ("attributes",))
    if moved and network.photo:
        assert frames[1][1].max() == 0  # the source's own vector: nothing to paste
    expression = {name: torch.tensor(value[:2]) for name, value in zip(EXPRESSION, seen, strict=True)}
    driven = run(Draw(networks, moved), {**state, **expression}, outputs, EXPRESSION)
    assert driven[0].shape == (3, 64, 64, 3)
    drawn = networks.drive(source, driver)
    shown = (detailed(drawn, source.image) if moved and network.photo else drawn.own).detach()
    assert np.abs(driven[0][:2] - (shown.permute(0, 2, 3, 1).numpy() + 1) * 127.5).max() <= 1.5
    assert sqrt(float(shown.var())) > 0
