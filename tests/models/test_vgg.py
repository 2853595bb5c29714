"""VGG's shape: weights of torchvision's names go in and out, layers are counted as the papers count them."""

import pytest
import torch
from safetensors.torch import save_file

from addon.core.errors import ZygomaError
from models.losses.aipgan import AipganLosses, aipgan
from models.losses.eggan import EgganLosses, eggan
from models.networks.vgg import IMAGENET_MEAN, IMAGENET_STD, VGG19, Vgg, load_features, stages_of
from models.presets import PRESETS

STAGES = ((4, 2), (6, 1), (8, 3))


def test_vgg_19_has_torchvisions_places():
    """16 convolutions; conv1_1 is features.0, conv5_4 features.34."""
    vgg = Vgg(1, VGG19)
    names = [name for name, _ in vgg.named_parameters() if name.endswith("weight")]
    assert vgg.convolutions == 16
    assert (names[0], names[15]) == ("features.0.weight", "features.34.weight")
    assert stages_of(vgg.state_dict()) == VGG19


def test_activations_are_counted_by_convolutions():
    vgg = Vgg(3, STAGES).eval()
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    second, third, last = vgg.activations(image, (2, 3, 6))
    assert [tuple(x.shape[1:]) for x in (second, third, last)] == [(4, 32, 32), (6, 16, 16), (8, 8, 8)]
    torch.testing.assert_close(second, vgg.features[:4](image))
    assert second.min() == 0
    torch.testing.assert_close(vgg(image), vgg.classifier(vgg.features(image).mean((2, 3))))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_weights_file_is_read_with_its_scaling(suffix, tmp_path):
    vgg = Vgg(3, STAGES)
    path = tmp_path / f"vgg{suffix}"
    save_file(vgg.state_dict(), path) if suffix == ".safetensors" else torch.save(vgg.state_dict(), path)
    features = load_features(path, lambda stages: (1, len(stages) + 1))
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    scaled = ((image + 1) / 2 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    for ours, theirs in zip(features(image), vgg.activations(scaled, (1, 4)), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert not any(p.requires_grad for p in features.parameters())


def test_presets_take_a_weights_file(tmp_path):
    path = tmp_path / "vgg.safetensors"
    save_file(Vgg(3, ((4, 2), (4, 2), (4, 4), (4, 4), (4, 4))).state_dict(), path)
    rows = PRESETS["eggan"]["smoke"], PRESETS["aipgan"]["smoke"]
    image = torch.rand(1, 3, 64, 64)
    objective = eggan(rows[0].network, EgganLosses(features=str(path)), 64, 3)
    assert objective._activations(image)[0].shape == (1, 4, 32, 32)
    objective = aipgan(rows[1].network, AipganLosses(identity_features=str(path)), 64, 3)
    assert [x.shape[-1] for x in objective._identity_features(image)] == [64, 32, 16, 8, 4]
    assert objective.expression is None


def test_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "vgg.safetensors"
    with pytest.raises(ZygomaError, match="no weights of a VGG"):
        load_features(path, lambda _: (1,))
    save_file({"layers.0.weight": torch.zeros(1)}, path)
    with pytest.raises(ZygomaError, match=r"features\.0\.weight"):
        load_features(path, lambda _: (1,))
    save_file(Vgg(3, STAGES).state_dict(), path)
    with pytest.raises(ZygomaError, match="6 convolutions, asked for number 7"):
        load_features(path, lambda _: (7,))
