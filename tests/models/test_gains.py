"""Gains: a picture that is only drawn anew changes nothing."""

import pytest
import torch
import torch.nn.functional as F
from drawn_people import write

from models.gains import measure
from models.losses.objective import Generated
from models.pairs import Pairs, read_views
from models.presets import Training


class Known:
    """Generates what it is made with of a batch."""

    def __init__(self, picture):
        self.picture = picture

    def generate(self, batch):
        return Generated(self.picture(batch))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("people"), people=6, views=8, size=64)
    return Pairs(read_views([folder], 64, 1.8), Training(size=64, side=1.8))


def gains(picture, pairs):
    return measure(Known(picture), pairs, lambda batch: batch)


def test_a_softer_photo_changes_nothing(pairs):
    found = gains(lambda batch: F.avg_pool2d(batch.image, 5, 1, 2, count_include_pad=False), pairs)
    assert all(gain == pytest.approx(0, abs=1e-5) for gain in found.by_change.values())
    assert found.at_rest > 1 and torch.tensor(found.mask).isnan()
