"""A pack in Blender: what the tab says of it, how far the sliders go in it, changing it, comparing it with others."""

from __future__ import annotations

import bpy
import imageio.v3 as iio
import numpy as np
import pytest
import stage as staging
from clips import pixels_of
from PIL import Image
from probe_pack import PRECISION, build_probe, read_crop, read_frame
from test_pack import ABOUT, about
from test_registration import Context, Layout, Panel, drawn

import addon
from addon import panels, rig, sources
from addon.core.attributes import COMMON, INDEX, NAMES, vector
from addon.core.compare import face_window
from addon.core.faces import read_photo


@pytest.fixture(scope="module", autouse=True)
def zygoma():
    addon.register()
    yield
    addon.unregister()


@pytest.fixture
def stage(tmp_path):
    sources.clear()
    return staging.build(tmp_path)


@pytest.fixture
def ob(stage):
    made = stage.rig()
    bpy.context.view_layer.objects.active = made
    return made


def gauge():
    return next(line for line in drawn() if line.startswith("Range: "))


def test_the_packs_page(stage, ob):
    assert "Pack: Probe (probe 1.0), system probe" in drawn() and "Open Paper" not in drawn()
    sources.clear()
    about(stage.pack)
    lines = drawn()
    said = " ".join(lines)
    for words in (
        "Paper: Animating faces. A. Müller, B. Ng, 2018",
        "Trained on: synthetic people, 40,960 samples, 800 people, 96 minutes, 2 CPU cores",
        "At rest: the photo itself",
        "PSNR, held-out people: 27.13",
        "-34 to 34 degrees",
    ):
        assert words in said, words
    assert "Open Paper" in lines and "Change Pack" in lines and ABOUT.count("link") == 1
    at = lines.index("Jaw Drop")
    assert lines[at + 1] == "0 to 1"


def test_a_pack_that_is_gone_is_told_and_its_page_comes_back(stage, ob):
    toml = stage.pack / "pack.toml"
    text = toml.read_text()
    toml.write_text("")
    assert "format is missing" in " ".join(drawn())
    toml.write_text(text)
    assert "Pack: Probe (probe 1.0), system probe" in drawn()


def test_the_gauge_follows_the_vector_and_warns(stage, ob):
    assert gauge() == "Range: 25%, Lip Corner Puller", "the photo's own smile"
    ob["own_expression"] = ob["own_pose"] = 0.0
    assert gauge() == "Range: 0%"
    ob["pose_yaw"] = -0.3
    assert gauge() == "Range: 50%, Yaw" and "Beyond what" not in " ".join(drawn())
    ob["pose_yaw"] = -0.9
    assert gauge() == "Range: 150%, Yaw"
    assert "Beyond what Probe covers, so expect distortion: Yaw" in " ".join(drawn())
    ob["pose_yaw"] = 0.0
    staging.key(ob, "pose_pitch", (1, 0.0), (5, 0.8))
    stage.scene.frame_set(5)
    assert "expect distortion: Pitch" in " ".join(drawn()), "curves count, not only sliders"


def test_the_gauge_goes_by_what_the_crop_shows(stage):
    """A photo that hangs askew: its crop is turned until the eyes are level."""
    path = stage.folder / "askew.png"
    Image.open(stage.photo).rotate(40, expand=True).save(path)
    tilted = stage.rig(photo=path)  # whose source vector says that the head is upright in the photo
    bpy.context.view_layer.objects.active = tilted
    assert gauge() == "Range: 25%, Lip Corner Puller", "until the photo is encoded"
    _, source = sources.source(rig.read(tilted))
    assert abs(np.degrees(source.crop.angle)) == pytest.approx(40, abs=6)
    assert gauge().endswith("Roll") and "expect distortion: Roll" in " ".join(drawn())


class Marking(Layout):
    """Notes which properties stand in an inactive row."""

    idle: set = set()
    active = True

    def row(self, **_):
        return Marking(self.lines)

    def column(self, **_):
        return Marking(self.lines)

    box = row

    def prop(self, data, path, text=None, icon="NONE", **more):
        super().prop(data, path, text, icon, **more)
        if not self.active:
            Marking.idle.add(path.strip('[]"'))


def test_what_a_pack_lacks_is_greyed_and_said(stage, ob):
    few = build_probe(stage.folder / "few", names=COMMON)
    assert bpy.ops.zygoma.pack_pick(pack=str(few)) == {"FINISHED"}
    panel = Panel()
    panel.layout = Marking([])
    panels.ZYGOMA_PT_sliders.draw(panel, Context())
    assert Marking.idle == set(NAMES) - set(COMMON)
    assert "does nothing with" not in " ".join(drawn())
    ob["gaze_yaw"] = 0.2
    assert "Probe does nothing with Gaze Yaw" in " ".join(drawn()) and "Beyond" not in " ".join(drawn())


def test_change_pack(stage, ob):
    """Another generates; the curves and the photo's own vector stay."""
    other = build_probe(stage.folder / "other", names=NAMES[::-1], at_rest="generated")
    ob[rig.GROUP]["size"] = 64
    before = rig.read(ob)
    assert bpy.ops.zygoma.pack_pick(pack=str(other)) == {"FINISHED"}
    after = rig.read(ob)
    assert after.pack_id == str(other) and after.size == 64
    assert np.array_equal(after.source_vector, before.source_vector)
    session, source = sources.source(after)
    assert session.pack.folder == other
    wanted = source.vector + vector({"AU12": 0.5})
    np.testing.assert_allclose(read_crop(session.crop_frame(source, wanted), source.crop), wanted, atol=PRECISION)
    assert bpy.ops.zygoma.pack_pick(pack="zygoma-base") == {"FINISHED"}
    assert rig.read(ob).size is None, "zygoma-base makes no crops of 64 pixels"
    with pytest.raises(RuntimeError, match="There is no pack nothing"):
        bpy.ops.zygoma.pack_pick(pack="nothing")
    assert rig.read(ob).pack_id == "zygoma-base"


def test_compare_packs(stage, ob):
    """Every pack is asked for what the rig's curves say, with the rig's own source vector."""
    other = build_probe(stage.folder / "other", names=NAMES[::-1], at_rest="generated")
    staging.talk(ob)
    out = stage.folder / "compared"
    names = f"{stage.pack}, {other}"
    done = bpy.ops.zygoma.packs_compare(directory=str(out), packs=names, frame_start=3, frame_end=6)
    assert done == {"FINISHED"}
    assert Image.open(out / "sheet.png").width > 3 * 256 and len(iio.imread(out / "movie.mp4")) == 4
    data = rig.read(ob)
    face = staging.reader().face(read_photo(stage.photo), box=data.box)
    window = face_window(face)
    for pack in ("probe", "other"):
        files = sorted((out / pack).glob("*.png"))
        assert [path.name for path in files] == [f"{number:06d}.png" for number in range(1, 5)]
        crop = _crop(pack, stage, face, window)
        curve = {fcurve.data_path[2:-2]: fcurve for fcurve in staging.fcurves(ob)}
        for frame, path in zip(range(3, 7), files, strict=True):
            shown = read_frame(pixels_of(path), crop)
            asked = np.clip(curve["own_expression"].evaluate(frame) * 0.25 + curve["AU12"].evaluate(frame), 0, 1)
            assert shown[INDEX["AU12"]] == pytest.approx(asked, abs=2 * PRECISION)
            assert shown[INDEX["pose_yaw"]] == pytest.approx(
                0.0625 + curve["pose_yaw"].evaluate(frame), abs=2 * PRECISION
            )
    sheet = (out / "sheet.png").read_bytes()
    assert bpy.ops.zygoma.packs_compare(directory=str(out), packs=names, frame_start=3, frame_end=6) == {"FINISHED"}
    assert (out / "sheet.png").read_bytes() == sheet


def _crop(pack, stage, face, window):
    """Where a pack's crop lies in the pictures of a comparison."""
    from addon.core.compare import _moved
    from addon.core.faces import face_crop

    known = sources.pack(str(stage.folder / pack))
    return face_crop(_moved(face, window).landmarks, known.sizes[0], known.crop_side, known.crop_shift)


def test_compare_packs_says_what_is_wrong(stage, ob):
    out = stage.folder / "compared"
    with pytest.raises(RuntimeError, match="There is no pack nothing"):
        bpy.ops.zygoma.packs_compare(directory=str(out), packs="nothing", frame_start=1, frame_end=2)
    with pytest.raises(RuntimeError, match="before its start"):
        bpy.ops.zygoma.packs_compare(directory=str(out), frame_start=3, frame_end=2)
    stage.photo.unlink()
    with pytest.raises(RuntimeError, match=r"photo\.png"):
        bpy.ops.zygoma.packs_compare(directory=str(out), packs=str(stage.pack), frame_start=1, frame_end=2)
    assert not out.exists()
