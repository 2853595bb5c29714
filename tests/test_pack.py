"""Packs are untrusted: what is altered, unsafe or made for another vector is refused with one sentence."""

import hashlib
import os
import shutil

import numpy as np
import pytest
from onnx import TensorProto, helper
from probe_pack import animator, build_probe, driver, encoder, express, save, write_toml

from addon.core import pack_page
from addon.core.attributes import COMMON, INDEX, NAMES
from addon.core.errors import PackError
from addon.core.pack import PACKS, Paper, Training, find_pack, list_packs, read_pack
from addon.core.session import Generator


@pytest.fixture
def probe(tmp_path):
    return build_probe(tmp_path / "probe")


def refused(folder, *words, load=False):
    with pytest.raises(PackError) as caught:
        pack = read_pack(folder)
        assert load, "read_pack should have refused"
        Generator(pack, "cpu")
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    for word in words:
        assert word in message, message


def edit(folder, old, new):
    text = (folder / "pack.toml").read_text()
    assert old in text
    (folder / "pack.toml").write_text(text.replace(old, new, 1))


def test_probe_is_read(probe):
    pack = read_pack(probe)
    assert (pack.id, pack.system, pack.sizes, pack.at_rest) == ("probe", "probe", (64, 64), "photo")
    assert pack.attributes == NAMES
    assert pack.ranges["AU12"] == (0, 1) and pack.ranges["pose_yaw"] == (-0.6, 0.6)
    assert pack.files["animator.onnx"] == hashlib.sha256((probe / "animator.onnx").read_bytes()).hexdigest()
    assert pack.read("encoder.onnx") == (probe / "encoder.onnx").read_bytes()


def test_shipped_packs_are_read_and_load():
    packs = list_packs()
    assert [p.id for p in packs] == sorted(p.parent.name for p in PACKS.glob("*/pack.toml"))
    for pack in packs:
        assert Generator(pack, "cpu").device == "CPU"


def test_found_by_id_or_folder(probe):
    assert find_pack("probe", [probe.parent]).folder == probe
    assert find_pack(probe).id == find_pack(str(probe)).id == "probe"
    with pytest.raises(PackError, match="no pack prove: choose one of those here"):
        find_pack("prove")
    with pytest.raises(PackError, match="missing"):
        find_pack(probe.parent / "nothing")


def test_broken_pack_does_not_hide_the_others(probe, tmp_path):
    shutil.copytree(probe, tmp_path / "broken")
    (tmp_path / "broken" / "animator.onnx").write_bytes(b"")
    with pytest.raises(PackError):
        list_packs([tmp_path])
    problems = []
    assert "probe" in [p.id for p in list_packs([tmp_path], problems)]
    assert len(problems) == 1 and "broken" in problems[0]


def test_wrong_hash(probe):
    data = bytearray((probe / "animator.onnx").read_bytes())
    data[-20] ^= 1
    (probe / "animator.onnx").write_bytes(data)
    refused(probe, "animator.onnx", "SHA-256", "altered")


def test_altered_after_reading(probe):
    pack = read_pack(probe)
    (probe / "animator.onnx").write_bytes((probe / "encoder.onnx").read_bytes())
    with pytest.raises(PackError, match="SHA-256"):
        Generator(pack, "cpu")


@pytest.mark.parametrize("name", ["animator.onnx", "encoder.onnx"])
def test_missing_graph(probe, name):
    (probe / name).unlink()
    refused(probe, name, "missing")
    write_toml(probe)
    refused(probe, f"no {name}")


def test_missing_and_unreadable_text(probe):
    (probe / "pack.toml").write_text("id = 'x\n")
    refused(probe, "TOML")
    (probe / "pack.toml").write_bytes(b"\xff\xfe\x00")
    refused(probe, "TOML")
    (probe / "pack.toml").write_bytes(b"#" * (2 << 20))
    refused(probe, "too large")
    (probe / "pack.toml").unlink()
    refused(probe, "pack.toml", "missing")


@pytest.mark.parametrize("path", ["../secret.onnx", "/etc/passwd", "sub/a.onnx", "..", "a\\\\b.onnx", ".hidden"])
def test_path_that_leaves_the_folder(probe, path):
    (probe.parent / "secret.onnx").write_bytes(b"secret")
    edit(probe, '"encoder.onnx" =', f'"{path}" =')
    refused(probe, "leaves the pack's folder")


def test_link_that_leaves_the_folder(probe):
    outside = probe.parent / "outside.onnx"
    (probe / "encoder.onnx").rename(outside)
    os.symlink(outside, probe / "encoder.onnx")
    refused(probe, "link", "leaves the pack's folder")


ABOUT = """
[paper]
title = "Animating faces"
authors = "A. Müller, B. Ng"
year = 2018
link = "https://arxiv.org/abs/1807.09251"

[training]
data = "synthetic people"
samples = 40960
people = 800
minutes = 95.5
machine = "2 CPU cores"

[metrics]
"PSNR, held-out people" = 27.13
seed = 40960
reader = "dlib"
"""


def about(folder, text=ABOUT):
    with (folder / "pack.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def test_what_a_pack_says_of_itself(probe):
    assert (read_pack(probe).paper, read_pack(probe).training, read_pack(probe).metrics) == (None, None, {})
    digest = read_pack(probe).digest
    about(probe)
    pack = read_pack(probe)
    assert pack.paper == Paper("Animating faces", "A. Müller, B. Ng", 2018, "https://arxiv.org/abs/1807.09251")
    assert pack.training == Training("synthetic people", 40960, 800, 95.5, "2 CPU cores")
    assert pack.metrics == {"PSNR, held-out people": 27.13, "seed": 40960, "reader": "dlib"}
    assert pack.digest == digest
    said = dict(pack_page.summary(pack))
    assert said["Paper"] == "Animating faces. A. Müller, B. Ng, 2018" and said["Link"] == pack.paper.link
    assert said["Trained on"] == "synthetic people, 40,960 samples, 800 people, 96 minutes, 2 CPU cores"
    assert pack_page.trained_on(Training("paintings", minutes=300.0)) == "paintings, 5.0 hours"
    assert pack_page.figures(pack) == [("PSNR, held-out people", "27.13"), ("seed", "40960"), ("reader", "dlib")]
    ranges = dict(pack_page.ranges(pack))
    assert ranges["AU12"] == "0 to 1" and ranges["pose_yaw"] == "-34 to 34 degrees"


@pytest.mark.parametrize(
    "old, new, word",
    [
        ('title = "Animating faces"', 'title = "Animating\\nfaces"', "paper.title holds characters"),
        ('title = "Animating faces"', 'title = "Animating \u202e faces"', "paper.title holds characters"),
        ('title = "Animating faces"', f'title = "{"x" * 401}"', "paper.title has 401 characters"),
        ('authors = "A. Müller, B. Ng"', "", "paper.authors is missing"),
        ("year = 2018", "year = 2018.5", "paper.year"),
        ("year = 2018", "year = 20188", "paper.year"),
        ("https://arxiv.org", "file:///etc", "paper.link"),
        ("https://arxiv.org/abs", "https://arxiv.org/ abs", "paper.link"),
        ('data = "synthetic people"', "data = 3", "training.data"),
        ("samples = 40960", "samples = -1", "training.samples"),
        ("people = 800", 'people = "many"', "training.people"),
        ("minutes = 95.5", "minutes = inf", "training.minutes"),
        ('machine = "2 CPU cores"', f'machine = "{"x" * 81}"', "training.machine"),
        ("seed = 40960", "seed = nan", "metrics.seed"),
        ("seed = 40960", "seed = true", "metrics.seed"),
        ("seed = 40960", "seed = [3]", "metrics.seed"),
        ("seed = 40960", f"seed = {'3' * 400}", "metrics.seed"),
        ("seed = 40960", f"seed = {'3' * 5000}", "TOML"),
        ("seed = 40960", f'"{"x" * 81}" = 3', "metric's name"),
        ("seed = 40960", '"se\\u0007ed" = 3', "metric's name"),
        ('reader = "dlib"', 'reader = "dlib\\u0000"', "metrics.reader"),
        ('reader = "dlib"', "\n".join(f"m{i} = 1" for i in range(63)), "names 65 metrics"),
    ],
)
def test_nonsense_in_what_a_pack_says_of_itself(probe, old, new, word):
    about(probe)
    edit(probe, old, new)
    refused(probe, word)


def test_out_of_range_and_reach(probe):
    pack = read_pack(probe)
    target = np.zeros((3, len(NAMES)), np.float32)
    assert pack.out_of_range(target) == [] and pack.reach(target[0])[1] == 0
    target[1, INDEX["pose_yaw"]] = 0.7
    target[2, INDEX["AU12"]] = 1.01
    assert pack.out_of_range(target) == ["pose_yaw", "AU12"]
    assert pack.out_of_range(target[1]) == ["pose_yaw"]
    assert pack.reach(target[1]) == ("pose_yaw", pytest.approx(0.7 / 0.6))
    target[1, INDEX["pose_yaw"]] = -0.3
    assert pack.out_of_range(target[1]) == [] and pack.reach(target[1]) == ("pose_yaw", pytest.approx(0.5))


def test_range_that_does_not_hold_rest(probe):
    edit(probe, "AU12 = [0.0, 1.0]", "AU12 = [0.2, 0.8]")
    pack = read_pack(probe)
    target = np.zeros(len(NAMES), np.float32)
    assert pack.out_of_range(target) == ["AU12"] and pack.reach(target)[0] == "AU12" and pack.reach(target)[1] > 1
    target[INDEX["AU12"]] = 0.5
    assert pack.out_of_range(target) == [] and pack.reach(target) == ("AU12", pytest.approx(0.5))


def test_attributes_that_a_pack_lacks(tmp_path):
    pack = read_pack(build_probe(tmp_path / "few", names=COMMON))
    target = np.zeros(len(NAMES), np.float32)
    assert pack.unused(target) == []
    target[INDEX["gaze_yaw"]] = 0.2
    assert pack.unused(target) == pack.unused(np.stack([target, 0 * target])) == ["gaze_yaw"]
    assert pack.out_of_range(target) == [] and pack.reach(target)[1] == 0


@pytest.mark.parametrize(
    "old, new, word",
    [
        ("format = 1", "format = 2", "format 2 is unknown"),
        ("format = 1", "format = true", "format is 'True'"),
        ('title = "Probe"', "title = 3", "title is '3'"),
        ('title = "Probe"', "", "title is missing"),
        ('title = "Probe"', 'title = "Pro\\u001bbe"', "title holds characters"),
        ('version = "1.0"', f'version = "{"1" * 100}"', "version has 100 characters"),
        ("side = 2.25", f"side = {'2' * 400}", "crop.side"),
        ('id = "probe"', 'id = "../x"', "id"),
        ('at_rest = "photo"', 'at_rest = "never"', "at_rest"),
        ("sizes = [64, 64]", "sizes = [64, 65]", "crop.sizes"),
        ("sizes = [64, 64]", "sizes = [64, 1000000]", "crop.sizes"),
        ("sizes = [64, 64]", "sizes = 64", "sizes"),
        ("side = 2.25", "side = 1e9", "crop.side"),
        ("shift = 0.04", "shift = nan", "crop.shift"),
        ("AU12 = [0.0, 1.0]", "AU12 = [1.0, 0.0]", "range of AU12"),
        ("AU12 = [0.0, 1.0]", "AU12 = [0.0, inf]", "range of AU12"),
        ("AU12 = [0.0, 1.0]", "AU12 = 'all'", "range of AU12"),
        (
            "AU12 = [0.0, 1.0]",
            "",
            "another vector",
        ),
        ("AU12 = [0.0, 1.0]", "AU13 = [0.0, 1.0]", "AU12"),
        ("AU12 = [0.0, 1.0]", "AU12 = [0.0, 1.0]\nAU12 = [0.0, 1.0]", "TOML"),
        ("AU12 = [0.0, 1.0]", 'AU12 = [0.0, 1.0]\n"a b" = [0.0, 1.0]', "the attribute 'a b'"),
        (
            "AU12 = [0.0, 1.0]",
            "AU12 = [0.0, 1.0]\n" + "\n".join(f"x{i} = [0, 1]" for i in range(256)),
            "281 attributes",
        ),
    ],
)
def test_nonsense_in_the_text(probe, old, new, word):
    edit(probe, old, new)
    refused(probe, word)


def test_hash_that_is_none(probe):
    text = (probe / "pack.toml").read_text().splitlines()
    text[-1] = '"encoder.onnx" = "abc"'
    (probe / "pack.toml").write_text("\n".join(text))
    refused(probe, "64 hexadecimal digits")


def test_permuted_vector(tmp_path):
    """By name an order of its own is served; a text that names another order than the graph was made for is not."""
    order = NAMES[::-1]
    own = build_probe(tmp_path / "own", names=order)
    assert Generator(read_pack(own), "cpu").pack.attributes == order
    wrong = build_probe(tmp_path / "wrong", metadata=order)
    refused(wrong, "another vector order", load=True)


def test_mesh_pack_in_another_order(tmp_path):
    shutil.copytree(PACKS / "zygoma-base", tmp_path / "mesh")
    edit(tmp_path / "mesh", "AU12 = ", "AU99 = ")
    edit(tmp_path / "mesh", "AU14 = ", "AU12 = ")
    edit(tmp_path / "mesh", "AU99 = ", "AU14 = ")
    refused(tmp_path / "mesh", "Zygoma's own order")


def replace_animator(folder, model, checked=True):
    if checked:
        save(model, folder / "animator.onnx")
    else:
        (folder / "animator.onnx").write_bytes(model.SerializeToString())
    write_toml(folder)


def test_external_data(probe):
    model = animator()
    tensor = next(t for t in model.graph.initializer if t.name == "place")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret.bin"
    tensor.ClearField("raw_data")
    replace_animator(probe, model, checked=False)
    refused(probe, "outside the file")


def test_external_data_in_a_constant(probe):
    model = encoder()
    tensor = helper.make_tensor("c", TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    (probe / "encoder.onnx").write_bytes(model.SerializeToString())
    write_toml(probe)
    refused(probe, "encoder.onnx", "outside the file")


def test_custom_operator(probe):
    model = animator()
    model.opset_import.append(helper.make_opsetid("evil.ops", 1))
    replace_animator(probe, model, checked=False)
    refused(probe, "operators of its own (evil.ops)")


def test_custom_operator_hidden_in_a_branch(probe):
    model = animator()
    branch = helper.make_graph(
        [helper.make_node("Steal", [], ["x"], domain="evil.ops")],
        "branch",
        [],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
    )
    model.graph.node.append(helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch))
    replace_animator(probe, model, checked=False)
    refused(probe, "operators of its own (evil.ops)")


@pytest.mark.parametrize("data", [b"", b"MZ\x90\x00" * 100, b"\x0a\xff\xff\xff\xff\x0f", bytes(range(256)) * 4])
def test_no_model(probe, data):
    (probe / "animator.onnx").write_bytes(data)
    write_toml(probe)
    refused(probe, "animator.onnx", load=True)


def test_model_cut_short(probe):
    whole = (probe / "animator.onnx").read_bytes()
    (probe / "animator.onnx").write_bytes(whole[: len(whole) // 2])
    write_toml(probe)
    refused(probe, "no ONNX model")


def test_graph_for_fewer_attributes(probe):
    model = animator()
    attributes = next(i for i in model.graph.input if i.name == "attributes")
    attributes.type.tensor_type.shape.dim[1].dim_value = 17
    del model.metadata_props[:]
    replace_animator(probe, model, checked=False)
    refused(probe, "vectors of 17 values", load=True)


@pytest.mark.parametrize("gone", ["alpha", "synthetic"])
def test_graph_without_an_output(probe, gone):
    model = animator()
    kept = [output for output in model.graph.output if output.name != gone]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    replace_animator(probe, model)
    refused(probe, f"has no {gone}", load=True)


def test_graph_of_other_types(probe):
    model = animator()
    cast = next(node for node in model.graph.node if node.output[0] == "image")
    cast.attribute[0].i = TensorProto.FLOAT
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    replace_animator(probe, model)
    refused(probe, "image is a tensor(float) and must be a tensor(uint8)", load=True)


def test_no_attributes_input(probe):
    model = animator()
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name == "attributes":
                node.input[i] = "vector"
    next(i for i in model.graph.input if i.name == "attributes").name = "vector"
    replace_animator(probe, model)
    refused(probe, "has no attributes", load=True)


def test_expression_graphs_that_do_not_fit(tmp_path):
    folder = build_probe(tmp_path / "told", expressed=True)
    save(express(len(NAMES) - 1), folder / "express.onnx")
    write_toml(folder)
    refused(folder, "express.onnx", "vectors of 24 values", load=True)
    save(driver(len(NAMES)), folder / "express.onnx")
    write_toml(folder)
    refused(folder, "express.onnx", "has no attributes", load=True)
    save(express(len(NAMES)), folder / "express.onnx")
    save(express(len(NAMES)), folder / "driver.onnx")
    save(animator(), folder / "animator.onnx")
    write_toml(folder)
    refused(folder, "animator.onnx", "has no told", load=True)
    save(animator(told="told"), folder / "animator.onnx")
    write_toml(folder)
    with pytest.raises(PackError, match=r"driver\.onnx: takes attributes; a driver takes image alone"):
        Generator(read_pack(folder), "cpu").load()


def test_digest_tells_what_generates(probe, tmp_path):
    first = read_pack(probe).digest
    edit(probe, 'title = "Probe"', 'title = "Another name"')
    assert read_pack(probe).digest == first
    other = build_probe(tmp_path / "other", whole=True)
    assert read_pack(other).digest != first
