"""From a photo's own side to a network's and back, on pictures whose answer is known."""

import pytest
import torch
import torch.nn.functional as F

from models.networks.blocks import enlarged
from models.networks.full_size import AGREED, as_frames, at_full_size, points_in, shrunk
from models.networks.moved_photo import Drawn, detailed


def soft(batch: int, side: int, seed: int = 0) -> torch.Tensor:
    """A picture of soft blobs, [B,3,side,side] in -1..1: the same one at any side."""
    coarse = torch.randn(batch, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return torch.tanh(F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False))


@pytest.mark.parametrize("side", [64, 96, 250])
def test_a_crop_is_shrunk_as_resizers_do(side):
    image = torch.rand(1, 3, side, side)
    expected = F.interpolate(image, (64, 64), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(shrunk(image, 64), expected)
    if side == 64:
        assert torch.equal(shrunk(image, 64), image)


def test_landmarks_stay_on_what_they_mark():
    image = torch.zeros(1, 1, 192, 192)
    image[0, 0, 100:109, 31:40] = 1  # the middle is at x 35, y 104
    small = shrunk(image, 64)[0, 0]
    line = torch.arange(64.0)
    x, y = (small.sum(0) * line).sum() / small.sum(), (small.sum(1) * line).sum() / small.sum()
    found = points_in(torch.tensor([[[35.0, 104.0, 9.0]]]), image, 64)[0, 0]
    torch.testing.assert_close(found, torch.stack([x, y, torch.tensor(3.0)]), atol=0.02, rtol=0)


def test_a_moved_photo_has_its_own_sharpness():
    """Moved by two pixels of the network's: the full photo, moved by eight of its own."""
    full = torch.rand(1, 3, 256, 256) * 2 - 1
    photo = shrunk(full, 64)
    flow = torch.zeros(2, 2, 64, 64)
    flow[1, 0] = 2 * 2 / 64
    image = torch.stack([photo[0], torch.roll(photo[0], -2, 2)])
    made = at_full_size(image, flow, photo, full)
    torch.testing.assert_close(made[0], full[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(made[1, :, :, :200], torch.roll(full[0], -8, 2)[:, :, :200], atol=1e-3, rtol=0)


def test_what_is_not_the_photo_is_enlarged():
    """Drawn pixels have none of the photo's detail, halfway to it half."""
    full = soft(1, 256) * 0.3 + torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(5)) * 0.4
    photo, drawn, still = shrunk(full, 64), soft(1, 64, seed=1) * 0.3 - 0.7, torch.zeros(1, 2, 64, 64)
    assert (photo - drawn).abs().amax(1).min() > AGREED
    made = at_full_size(drawn, still, photo, full)
    torch.testing.assert_close(made, soft(1, 256, seed=1) * 0.3 - 0.7, atol=0.1, rtol=0)
    brighter = at_full_size(photo + AGREED / 2, still, photo, full) - AGREED / 2
    detail = full - enlarged(photo, 256)
    torch.testing.assert_close(brighter - enlarged(photo, 256), detail / 2, atol=1e-4, rtol=0)


def test_a_photo_of_the_networks_side_is_as_it_was():
    photo, image, flow = soft(1, 64), soft(3, 64, seed=2), 0.1 * torch.randn(3, 2, 64, 64)
    made = at_full_size(image, flow, photo, photo)
    torch.testing.assert_close(made, image, atol=1e-5, rtol=0)


def test_frames_have_the_full_side():
    pixels, alpha, synthetic = as_frames(soft(2, 96), torch.ones(2, 64, 64), torch.full((2, 64, 64), 0.5))
    assert pixels.shape == (2, 96, 96, 3) and alpha.shape == synthetic.shape == (2, 96, 96)
    assert (alpha == 255).all() and (synthetic == 128).all() and pixels.dtype == torch.uint8


def test_soft_drawing_takes_the_photos_detail_where_both_agree():
    """Left half: the photo, drawn softly, of which half is mixed in. Right half: something else is drawn."""
    photo = (
        0.3 * soft(1, 64) + 0.3 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3)) - 0.15
    ).clamp(-1, 1)
    own = F.avg_pool2d(photo, 5, 1, 2, count_include_pad=False)
    own[..., 32:] = 1.0
    still, half = torch.zeros(1, 2, 64, 64), torch.full((1, 1, 64, 64), 0.5)
    drawn = Drawn(0.5 * photo + 0.5 * own, own, mask=half, change=0 * photo, way=still, held=half)
    found = detailed(drawn, photo)
    before, after = ((picture - photo)[..., :24].square().mean().sqrt() for picture in (drawn.image, found))
    assert after < 0.5 * before
    torch.testing.assert_close(found[..., 44:], drawn.image[..., 44:], atol=0.02, rtol=0)
