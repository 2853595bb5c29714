"""EGGAN: equations against numbers worked out by hand, terms that fall, switches that change what they say, graphs."""

from dataclasses import fields, replace
from math import log

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from faces import canonical
from overfit import batch, falls
from pytorch_msssim import ms_ssim

from addon.core.attributes import COMMON
from models.losses import eggan as losses
from models.losses.eggan import EgganLosses, EgganObjective, eggan
from models.networks.eggan import ENCODER_INPUTS, STATE, Animate, Eggan, EgganConfig, Encode, condition
from models.networks.moved_photo import Photo

SMALL = EgganConfig(
    size=64,
    code=16,
    encoder=(8, 8, 16, 16, 16),
    generator=(16, 16, 16, 16, 8),
    critic=(8, 8, 8, 8, 8, 8),
    latent_critic=(16, 8, 1),
    classifier=((8, 1), (8, 1), (16, 1)),
    people=4,
)
ADDED = {"pose": True, "difference": True, "painted": 16, "skips": True, "mixing": 1, "shuffle": 2, "photo": True}
FULL = replace(SMALL, generator=(16, 16, 16, 8), **ADDED)  # the last block less: its side comes from the shuffle
PAIRS = EgganLosses(rebuild="target", changed=1.0, pair=1.0, points=1.0)


def vector(**values) -> torch.Tensor:
    return torch.tensor([[float(values.get(name, 0)) for name in COMMON]])


def photo(size: int = 64, **values) -> Photo:
    pictures = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return Photo(pictures, canonical(size), vector(**values))


# Equations


def test_eq_1_and_2_are_the_games_value():
    """D gives .8 and .5 to the true ones, .3 and .6 to the false ones."""
    logit = lambda *p: torch.tensor([log(x / (1 - x)) for x in p])  # noqa: E731
    value = (log(0.8) + log(0.5)) / 2 + (log(0.7) + log(0.4)) / 2
    assert losses.latent_adversarial(logit(0.8, 0.5), logit(0.3, 0.6)).item() == pytest.approx(value, abs=1e-6)
    assert losses.image_adversarial(logit(0.8, 0.5), logit(0.3, 0.6)).item() == pytest.approx(value, abs=1e-6)
    real, drawn = torch.tensor([2.0, 4.0]), torch.tensor([1.0, -3.0])
    assert losses.image_adversarial(real, drawn, "wasserstein").item() == pytest.approx(3 + 1)


def test_eq_2_penalises_gradients_whose_length_is_not_1():
    """D(x) = sum of 3 x over 1 x 2 x 2 values: its gradient's length is 3 * 2 = 6 everywhere."""
    image = torch.rand(2, 1, 2, 2, requires_grad=True)
    penalty = losses.gradient_penalty((3 * image).flatten(1).sum(1), image)
    assert penalty.item() == pytest.approx((6 - 1) ** 2, rel=1e-5)


def test_eq_3_rounds_intensities_to_levels_and_averages_over_units():
    wanted = vector(AU01=0.29, AU12=1.0, pose_yaw=0.5)  # 1.45 -> 1, 5
    assert losses.levels(wanted)[0, :3].tolist() == [1, 0, 0]
    assert losses.levels(wanted)[0, COMMON.index("AU12") - 3].item() == 5
    logits = torch.zeros(1, 17, 6)
    logits[0, 0, 1] = log(5)  # p = 5 / 10 for the right level of AU01; 1 / 6 elsewhere
    value = -(log(0.5) + 16 * log(1 / 6)) / 17
    assert losses.unit_classification(logits.flatten(1), wanted).item() == pytest.approx(value, abs=1e-6)


def test_eq_4_is_the_logarithm_of_the_persons_probability():
    logits = torch.tensor([[0.0, log(3.0), 0.0]])  # 1/5, 3/5, 1/5
    assert losses.identity_classification(logits, torch.tensor([1])).item() == pytest.approx(-log(0.6), abs=1e-6)


def test_eq_5_adds_both_distances_and_divides_by_the_size():
    """Activations 2 x 1 x 2; distances 5 (3, 4) and 2: (5 + 2) / 4 as printed, (25 + 4) / 4 squared."""
    source = torch.zeros(1, 2, 1, 2)
    drawn = torch.tensor([[[[3.0, 0.0]], [[0.0, 4.0]]]])
    rebuilt = torch.tensor([[[[0.0, 2.0]], [[0.0, 0.0]]]])
    assert losses.perceptual(source, drawn, rebuilt).item() == pytest.approx(7 / 4, abs=1e-4)
    assert losses.perceptual(source, drawn, rebuilt, "squared").item() == pytest.approx(29 / 4, abs=1e-5)


def test_eq_6_is_l1_and_what_ms_ssim_lacks_to_1():
    one = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    other = (0.8 * one + 0.05).clamp(-1, 1)
    similarity = ms_ssim((one + 1) / 2, (other + 1) / 2, data_range=1.0, win_size=7)
    value = (one - other).abs().mean() + 1 - similarity
    assert losses.reconstruction(other, one).item() == pytest.approx(value.item(), abs=1e-6)
    assert losses.reconstruction(one, one).item() == pytest.approx(0, abs=1e-5)
    assert losses.reconstruction(other, one, 0.0).item() == pytest.approx((one - other).abs().mean().item())


def test_ms_ssim_is_the_same_number_where_a_training_runs_in_bfloat16():
    one = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.1
    other = (one + 0.02 * torch.randn(one.shape, generator=torch.Generator().manual_seed(1))).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = losses.structure(other, one)
    assert value.item() == losses.structure(other, one).item()
    value.backward()
    assert torch.isfinite(other.grad).all()


def test_eq_7_weighs_each_term():
    objective = EgganObjective(Eggan(SMALL), EgganLosses())
    heavy = EgganObjective(objective.networks, EgganLosses(units=200, identity=120, perceptual=40, reconstruction=200))
    pairs = batch()
    once, twice = objective.terms("generator", pairs, 1.0), heavy.terms("generator", pairs, 1.0)
    for name in ("au", "id", "per", "rec"):
        assert twice[name].item() == pytest.approx(2 * once[name].item(), rel=1e-4)
    assert set(once) == {"adv_z", "adv_img", "au", "id", "per", "rec"}


def test_eq_8_runs_from_the_photos_own_expression_to_the_wanted_one():
    networks = Eggan(SMALL).eval()
    source, wanted = photo(AU12=0.5), vector(AU26=1.0)
    way = networks.interpolate(source, wanted, torch.tensor([0.0, 0.25, 1.0])).own
    for image, values in zip(way, (vector(AU12=0.5), vector(AU12=0.375, AU26=0.25), wanted), strict=True):
        torch.testing.assert_close(image, networks.draw(source, values).own[0], atol=1e-5, rtol=0)


def test_codes_between_two_people_begin_and_end_with_them():
    networks = Eggan(FULL).eval()
    one = photo(AU12=0.5)
    other = Photo(-one.image, one.points + 1, vector(AU01=0.2))
    wanted = vector(AU26=1.0)
    way = networks.between(one, other, wanted, torch.tensor([0.0, 0.5, 1.0])).own
    torch.testing.assert_close(way[:1], networks.draw(one, wanted).own, atol=1e-5, rtol=0)
    torch.testing.assert_close(way[2:], networks.draw(other, wanted).own, atol=1e-5, rtol=0)
    assert (way[1] - way[0]).abs().max() > 1e-3


# Training


def test_c_id_learns_first_then_all_others_in_each_step():
    objective = EgganObjective(Eggan(SMALL), EgganLosses(identity_steps=5))
    assert objective.phases(4) == ("identity",)
    assert objective.phases(5) == ("expression", "critics", "generator")
    alone = EgganObjective(Eggan(SMALL), EgganLosses(identity=0, perceptual=0, units=0, adversarial=0))
    assert alone.phases(0) == ("generator",)


@pytest.mark.parametrize("phase", ["identity", "expression", "critics", "generator"])
@pytest.mark.parametrize("added", [False, True])
def test_each_term_falls_on_one_batch(phase, added):
    torch.manual_seed(0)
    # loud enough to be heard beside terms that weigh 100
    network, weights = (FULL, replace(PAIRS, adversarial=1e4)) if added else (SMALL, EgganLosses(adversarial=10.0))
    objective = EgganObjective(Eggan(network), weights)
    fell = falls(objective, phase, 0 if phase == "identity" else 10**6)
    assert fell
    assert all(fell.values()), fell


def test_a_phase_trains_its_own_networks_alone():
    objective = EgganObjective(Eggan(SMALL), EgganLosses())
    names = {id(p): name for name, net in objective.networks.items() for p in net.parameters()}
    for phase, owners in {
        "identity": {"C_id"},
        "expression": {"C_exp"},
        "critics": {"D_z", "D_img"},
        "generator": {"E", "G"},
    }.items():
        assert {names[id(p)] for group in objective.parameters(phase) for p in group["params"]} == owners
    literal = EgganObjective(objective.networks, EgganLosses(classifier_follows=True))
    assert "C_exp" in {names[id(p)] for group in literal.parameters("generator") for p in group["params"]}


# Switches


@pytest.mark.parametrize(
    ("off", "term"),
    [({"perceptual": 0.0}, "per"), ({"identity": 0.0}, "id"), ({"units": 0.0}, "au"), ({"reconstruction": 0.0}, "rec")],
)
def test_an_ablation_leaves_its_term_out_and_no_other(off, term):
    whole = EgganObjective(Eggan(SMALL), EgganLosses())
    without = EgganObjective(whole.networks, EgganLosses(**off))
    pairs = batch()
    all_terms, fewer = whole.terms("generator", pairs, 1.0), without.terms("generator", pairs, 1.0)
    assert set(all_terms) - set(fewer) == {term}
    for name, value in fewer.items():
        assert value.item() == pytest.approx(all_terms[name].item(), rel=1e-4)


def test_the_ablation_of_ms_ssim_leaves_l1():
    networks = Eggan(SMALL)
    pairs = batch()
    term = EgganObjective(networks, EgganLosses(structure=0.0)).terms("generator", pairs, 1.0)["rec"]
    rebuilt = networks.draw(Photo(pairs.image, pairs.points, pairs.source), pairs.source).own
    assert term.item() == pytest.approx(100 * F.l1_loss(rebuilt, pairs.image).item(), rel=1e-4)


def test_critics_wait_for_their_time():
    objective = EgganObjective(Eggan(SMALL), EgganLosses(adversarial_from=0.5))
    pairs = batch()
    assert objective.terms("critics", pairs, 0.4) == {}
    assert objective.terms("expression", pairs, 0.4) == {}
    assert {"adv_z", "adv_img", "au"}.isdisjoint(objective.terms("generator", pairs, 0.4))
    assert {"adv_z", "adv_img", "au"} <= set(objective.terms("generator", pairs, 0.5))


def test_the_papers_network_knows_units_and_no_pose():
    networks = Eggan(SMALL).eval()
    source = photo()
    still = networks.draw(source, vector()).own
    torch.testing.assert_close(networks.draw(source, vector(pose_yaw=0.5)).own, still)
    assert (networks.draw(source, vector(AU26=1.0)).own - still).abs().max() > 1e-4
    turning = Eggan(replace(SMALL, pose=True)).eval()
    assert (turning.draw(source, vector(pose_yaw=0.5)).own - turning.draw(source, vector()).own).abs().max() > 1e-4


def test_the_condition_is_the_vector_or_its_difference():
    wanted, source = vector(AU12=0.8, pose_yaw=0.3), vector(AU12=0.5)
    at = COMMON.index("AU12")
    assert condition(wanted, source, SMALL)[0, at].item() == pytest.approx(0.8)
    assert condition(wanted, source, SMALL)[0, 1].item() == 0
    different = replace(SMALL, difference=True, pose=True)
    assert condition(wanted, source, different)[0, at].item() == pytest.approx(0.3)
    assert condition(wanted, source, different)[0, 1].item() == pytest.approx(0.3)


def test_only_what_the_switches_name_reaches_the_decoder():
    """The paper's code is all that G knows of a photo; skips bring features, the moved photo its pixels."""
    for network, uses_photo in ((SMALL, False), (FULL, True)):
        networks = Eggan(network).eval()
        source = photo()
        encoded = networks["E"](source.image)
        assert (encoded.far is not None) == network.skips
        other = source._replace(image=-source.image)
        same = networks["G"](encoded, source, vector(AU26=1.0))
        changed = networks["G"](encoded, other, vector(AU26=1.0))
        torch.testing.assert_close(changed.own, same.own)
        assert ((changed.image - same.image).abs().max() > 0.1) == uses_photo


def test_nothing_asked_gives_the_photo_back_where_its_pixels_are_moved():
    networks = Eggan(FULL).eval()
    source = photo(AU12=0.5, pose_yaw=0.2)
    drawn = networks.draw(source, source.vector)
    torch.testing.assert_close(drawn.image, source.image, atol=1e-5, rtol=0)
    assert drawn.mask.min() == 1
    half = networks.draw(source, source.vector + vector(AU26=0.05))
    assert half.played.item() == pytest.approx(0.5, abs=1e-5)


def test_the_mixture_teaches_the_drawn_picture_nothing():
    networks = Eggan(FULL)
    drawn = networks.draw(photo(), vector(AU26=1.0))
    drawn.image.mean().backward(retain_graph=True)
    generator = networks["G"]
    assert generator.colour.weight.grad is None
    assert generator.photo.fine.weight.grad.abs().max() > 0
    drawn.own.mean().backward()
    assert generator.colour.weight.grad.abs().max() > 0
    groups = EgganObjective(networks, PAIRS).parameters("generator")
    assert [group["scale"] for group in groups] == [1.0, 0.4, 0.1]
    assert sum(len(group["params"]) for group in groups) == sum(
        len(list(networks[name].parameters())) for name in ("E", "G")
    )


def test_dropped_skips_leave_the_code():
    objective = EgganObjective(Eggan(replace(FULL, skips_dropped=1.0)), PAIRS)
    pairs = batch()
    dropped = objective._draw(pairs)[0]
    assert dropped.far.abs().max() == 0
    assert dropped.code.abs().max() > 0
    objective.networks.eval()
    assert objective._draw(pairs)[0].far.abs().max() > 0


@pytest.mark.parametrize("switch", [{"skips": True}, {"mixing": 1}, {"photo": True}])
def test_what_is_painted_needs_a_side(switch):
    with pytest.raises(ValueError, match="painted"):
        replace(SMALL, **switch)


def test_losses_that_the_networks_cannot_serve_are_refused():
    with pytest.raises(ValueError, match="photo"):
        EgganObjective(Eggan(SMALL), EgganLosses(points=1.0))
    with pytest.raises(ValueError, match="pose"):
        EgganObjective(Eggan(SMALL), EgganLosses(rebuild="target"))


def test_a_preset_takes_its_size_and_people_from_the_data():
    objective = eggan(SMALL, EgganLosses(), 128, 11)
    assert objective.networks["C_id"](torch.zeros(1, 3, 128, 128)).shape == (1, 11)
    assert objective.generate(batch(128, 2)).image.shape == (2, 3, 128, 128)


def test_the_paper_s_numbers_stand_in_the_defaults():
    """Sec. 4.1."""
    config, weights = EgganConfig(), EgganLosses()
    assert config.encoder == (16, 32, 64, 128, 256)
    assert config.latent_critic == (256, 128, 64, 32, 16, 1)
    assert (len(config.generator), len(config.critic)) == (6, 6)
    assert (weights.units, weights.identity, weights.perceptual, weights.reconstruction) == (100, 60, 20, 100)
    assert weights.gradient_penalty == 20
    added = ("pose", "difference", "painted", "skips", "skips_dropped", "mixing", "photo")
    assert not any(getattr(config, name) for name in added)
    assert {field.name for field in fields(config)} >= set(added)


# Graphs


@pytest.mark.parametrize(("network", "moved"), [(SMALL, True), (FULL, True), (FULL, False)])
def test_graphs_agree_with_torch(network, moved, tmp_path):
    torch.manual_seed(0)
    networks = Eggan(network).eval()
    source = photo(AU12=0.4, pose_yaw=0.1)
    encode, animate = Encode(networks, 64).eval(), Animate(networks, moved).eval()
    state = encode(source.image, source.points, source.vector)
    attributes = torch.cat([vector(AU26=1.0, pose_yaw=-0.2), source.vector, vector(AU12=1.0)])
    with torch.no_grad():
        expected = animate(*state, attributes)

    def graph(module, arguments, names, outputs, dynamic):
        path = tmp_path / f"{outputs[0]}.onnx"
        torch.onnx.export(
            module,
            arguments,
            str(path),
            input_names=names,
            output_names=outputs,
            dynamic_axes=dynamic,
            opset_version=17,
            dynamo=False,
        )
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    encoder = graph(encode, (source.image, source.points, source.vector), list(ENCODER_INPUTS), list(STATE), {})
    given = dict(zip(ENCODER_INPUTS, (t.numpy() for t in source), strict=True))
    made = encoder.run(list(STATE), {i.name: given[i.name] for i in encoder.get_inputs()})
    for ours, theirs in zip(made, state, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-4)

    outputs = ["image", "alpha", "synthetic"]
    batches = {name: {0: "B"} for name in ("attributes", *outputs)}
    animator = graph(animate, (*state, attributes[:2]), [*STATE, "attributes"], outputs, batches)
    values = dict(zip((*STATE, "attributes"), (*made, attributes.numpy()), strict=True))
    frames = animator.run(outputs, {i.name: values[i.name] for i in animator.get_inputs()})
    assert [f.shape for f in frames] == [(3, 64, 64, 3), (3, 64, 64), (3, 64, 64)]
    for ours, theirs in zip(frames, expected, strict=True):
        assert ours.dtype == np.uint8
        assert np.abs(ours.astype(int) - theirs.numpy().astype(int)).max() <= 1
    if moved and network.photo:
        assert frames[1][1].max() == 0  # the source's own vector: nothing to paste
        assert frames[2][0].max() > 0
    else:
        assert frames[2].min() == 255
