"""Packs on trial: what a pack made itself counts as true, a copied photo does not, and the page says both."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from conftest import ROOT  # noqa: E402

from addon.core.attributes import INDEX, NAMES  # noqa: E402
from addon.core.faces import FaceReader, cut, face_crop, read_photo  # noqa: E402
from addon.core.pack import find_pack, list_packs  # noqa: E402
from addon.core.session import Generator  # noqa: E402
from models.judge import cost, estimator, identity, metrics, papers, proof, report, trial  # noqa: E402
from models.judge.reading import Judges  # noqa: E402
from models.judge.views import Views  # noqa: E402
from models.people.plan import Kind  # noqa: E402

torch.set_num_threads(1)
SIZE = 256
CHANGES = (
    (Kind.SINGLE, {"AU26": 0.9, "AU25": 0.6}),
    (Kind.SINGLE, {"AU01": 1.0, "AU02": 1.0}),
    (Kind.SHARED, {"pose_yaw": 0.3}),
)


@pytest.fixture(scope="module")
def judges():
    torch.manual_seed(0)
    net = estimator.Estimator(estimator.EstimatorConfig(widths=(4, 4, 6, 8), hidden=16, maps=(2, 4), kept=2, near=8))
    for name, parameter in net.named_parameters():
        if name.startswith(("read_", "landmarks")):  # they begin at nothing
            torch.nn.init.normal_(parameter, std=0.1)
    return Judges(
        net.eval(),
        identity.IdentityNet(identity.IdentityConfig(width=0.1, embedding=8)).eval(),
    )


@pytest.fixture(scope="module")
def generator():
    return Generator(find_pack("zygoma-base"), "CPU", 1)


@pytest.fixture(scope="module")
def views(generator) -> Views:
    """Two paintings as people: the photo, and what the default generator makes of it for known vectors."""
    reader = FaceReader(threads=1)
    rows = []
    for person, name in enumerate(("mona_lisa", "raphael")):
        whole = read_photo(ROOT / "docs" / "portraits" / f"{name}.jpg")
        picture = cut(whole.pixels, face_crop(reader.face(whole).landmarks, SIZE, 1.8))
        photo = trial.as_photo(picture, name)
        face = reader.face(photo)
        source = generator.encode(photo, face)
        rows.append((person, 0, Kind.REFERENCE, source.vector, face.landmarks, picture))
        for view, (kind, change) in enumerate(CHANGES, 1):
            vector = source.vector.copy()
            for key, value in change.items():
                vector[INDEX[key]] = value
            rows.append((person, view, kind, vector, face.landmarks, generator.frame(source, vector)))
    columns = list(zip(*rows, strict=True))
    files = [cv2.imencode(".png", picture[..., ::-1])[1].tobytes() for picture in columns[5]]
    return Views(*(np.array(column) for column in columns[:5]), files)


@pytest.fixture(scope="module")
def test(views, judges):
    return trial.prepare(views, judges)


@pytest.fixture(scope="module")
def trials(test, judges, generator):
    return [trial.copied(test), trial.truth(test), trial.try_pack(generator, test, judges, FaceReader(threads=1))]


def test_what_the_pack_made_itself_is_the_truth(trials, test):
    copy, true, pack = trials
    assert all(np.array_equal(a, b) for a, b in zip(pack.frames, true.frames, strict=True))
    assert not pack.refused.any()
    figures = trial.picture_figures(pack, test)
    assert figures["PSNR"] == trial.HIGHEST
    assert figures["sharpness mouth"] == pytest.approx(1)
    assert pack.told["PSNR"] == pack.told["PSNR mouth"] == trial.HIGHEST
    left = trial.picture_figures(copy, test)
    assert copy.told == {name: left[name] for name in copy.told}
    assert left["PSNR"] < 40
    assert left["PSNR"] < figures["PSNR"] and left["MS-SSIM"] < 1
    window = trial.window(test.views.landmarks[0], "mouth", SIZE)
    opened = [i for i, at in enumerate(test.targets) if test.views.view[at] == 1]
    for i in opened:  # jaw and lips act, so the mouth is furthest off
        assert metrics.psnr(copy.frames[i], true.frames[i], window) < metrics.psnr(copy.frames[i], true.frames[i])


def test_readings_are_compared_with_those_of_the_true_views(trials, test):
    copy, _, pack = trials
    same, other = trial.reading_figures(pack, test), trial.reading_figures(copy, test)
    assert np.nanmax(same["mse"]) < 1e-6
    assert set(same["accuracy"][~np.isnan(same["accuracy"])]) <= {1.0}
    assert np.nanmax(other["mse"]) > np.nanmax(same["mse"])
    assert np.nanmax(np.abs(other["pearson"])) == np.nanmax(np.abs(other["follows"])) == 0  # a copy changes nothing
    assert same["pose"].shape == (3,)
    true = trial.reading_figures(trials[1], test)
    assert np.array_equal(same["follows"], true["follows"], equal_nan=True) and np.nanmax(true["follows"]) < 1
    assert trial.expression_distance(pack, test) == pytest.approx(same["desired"].sum())


def test_identity_and_transfer(trials, test):
    pack = trials[2]
    threshold = trial.threshold_of(test)
    figures = trial.identity_figures(pack, test, threshold)
    assert figures["frechet"] == pytest.approx(0, abs=1e-6)
    assert 0 <= figures["verified"] <= 1
    copy = trial.identity_figures(trials[0], test, threshold)
    assert copy["acd"] == pytest.approx(0, abs=1e-5)
    assert copy["verified"] == 1 and copy["accuracy"] >= 0.5
    shared = [i for i in range(len(test.targets)) if test.views.kind[test.targets[i]] == Kind.SHARED]
    expected = pack.readings.expression[shared[0]] @ test.true.expression[shared[1]]
    assert trial.transfer_similarity(pack, test) == pytest.approx(float(expected), abs=1e-5)


def test_windows_hold_their_features(views):
    points = views.landmarks[0]
    mouth, eyes = trial.window(points, "mouth", SIZE), trial.window(points, "eyes", SIZE)
    x, y = points[13, :2].astype(int)
    assert mouth[y, x] and not eyes[y, x]
    x, y = points[468, :2].astype(int)
    assert eyes[y, x] and not mouth[y, x]


def test_the_page_holds_all_tables_and_the_sheet_lies_beside_it(trials, test, tmp_path):
    found = report.figures(trials, test)
    report.write(found, trials, test, "Two paintings.", tmp_path / "results.md", tmp_path / "results.json")
    page = (tmp_path / "results.md").read_text("utf-8")
    for title in ("EGGAN, table 1", "EGGAN, table 2", "ICface, table 1", "ICface, table 2", "AIP-GAN, table 1"):
        assert title in page
    assert "GANimation, tables 1 and 2" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert sum(line.startswith("| zygoma-base |") for line in rows) >= 9
    assert "| EGGAN (paper) | 97.04 |" in rows
    assert all(max(map(len, page.splitlines())) < 400 for _ in rows)
    sheet = cv2.imread(str(tmp_path / "results" / "systems.jpg"))
    assert sheet.shape[0] > 2 * report.SIDE and sheet.shape[1] > 3 * report.SIDE
    assert (tmp_path / "results.json").stat().st_size > 1000


def test_printed_means_are_the_papers_means():
    """A slip in copying a table shows in its last column."""
    for table in (papers.EGGAN_MSE, papers.EGGAN_PCC):
        for values in table.values():
            assert len(values) == 18
            assert np.mean(values[:-1]) == pytest.approx(values[-1], abs=0.05)


def test_every_shipped_pack_has_a_cost(views):
    photo = trial.as_photo(views.picture(0), "a face")
    face = FaceReader(threads=1).face(photo)
    for pack in list_packs():
        generator = Generator(pack, "CPU", 1)
        source = generator.encode(photo, face)
        spent = cost.cost(generator, source, source.vector[None] + 0.1)
        assert spent.gflops > 0.01 and spent.ms > 0, pack.id
        if pack.system != "zygoma-base":  # whose encoding is no graph, and which learnt nothing
            assert spent.parameters > 1e5 and spent.encode_gflops >= 0, pack.id


def test_operations_of_known_graphs():
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weight = helper.make_tensor("w", kind, [8, 4, 3, 3], np.zeros(8 * 4 * 9))
    matrix = helper.make_tensor("m", kind, [16, 5], np.zeros(80))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("MatMul", ["c", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, [1, 4, 16, 16])],
        [helper.make_tensor_value_info("y", kind, None)],
        [weight, matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    assert cost.weights(model) == 8 * 4 * 9 + 80
    conv, product = 2 * 8 * 16 * 16 * 4 * 9, 2 * 8 * 16 * 5 * 16
    assert cost.operations(model, {"x": np.zeros((1, 4, 16, 16), np.float32)}) == conv + product


def test_monotone_ramps_rise_all_the_way():
    rising, falling = [0, 0.2, 0.3, 0.5, 0.9], [0, 0.4, 0.3, 0.6, 0.7]
    small, even = [0, 0.05, 0.05, 0.06, 0.1], [0, 0.2, 0.2, 0.5, 0.5]
    read = np.array([[rising, falling], [small, even]])  # two people, two units
    assert proof.monotone(read).tolist() == [0.5, 0.5]


def test_jitter_moves_picture_and_landmarks_together(views):
    rng = np.random.default_rng(0)
    picture, points = views.picture(0), views.landmarks[0]
    moved, there = proof.jittered(rng, picture, points)
    shift = there[:, :2].mean(0) - points[:, :2].mean(0)
    assert np.abs(shift).max() < 0.08 * SIZE and np.abs(shift).max() > 0
    eye, before = there[468, :2].round().astype(int), points[468, :2].round().astype(int)
    assert np.abs(moved[eye[1], eye[0]].astype(int) - picture[before[1], before[0]]).max() < 40


def test_the_proofs_table_has_a_row_a_unit(judges, views):
    seen = proof.see(views, judges.reader)
    raw = estimator.find(judges.estimator, seen.crops, seen.angle)
    found = proof.agreement(raw, views.attributes)
    assert found["bins"].shape == (len(NAMES), 5)
    shaken = proof.jitter(judges.estimator, views.of(np.arange(1)), judges.reader)
    beside = proof.changes(raw, views)
    assert beside["r"].shape == (20,)
    other = raw | {"change": raw["change"] + 0.1}  # only differences count
    assert proof.changes(other, views)["mae"] == pytest.approx(beside["mae"], abs=1e-5)
    lines = proof.lines(found, beside, None, shaken, beside)
    assert sum(line.startswith("AU") for line in lines) == 20
    off = proof.landmarks(raw, seen, views)
    assert off["MediaPipe"] < 0.05 < off["estimator"]  # the true ones are MediaPipe's here; the network knows nothing
