"""The training loop on drawn people: it learns, goes on to the bit, shares work among processes, and stops when it
must."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from conftest import ROOT
from drawn_people import write
from torch import nn

from addon.core.errors import ZygomaError
from models.batch import Batch
from models.checkpoint import BEST, LAST, load
from models.gains import measure
from models.losses.objective import Generated
from models.pairs import Pairs, read_views
from models.presets import PRESETS, Preset, Training, find
from models.train import (
    Recent,
    Run,
    TrainingError,
    average,
    averaged_in,
    describe,
    main,
    minimise,
    on_device,
    optimiser_of,
    pace,
    train,
)
from models.trained import load_trained

SIZE = 64
CPU = torch.device("cpu")
SMOKE = find("ganimation", "smoke")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("people"), people=4, views=8, size=SIZE)


@pytest.fixture(scope="module")
def views(folder):
    return read_views([folder], SIZE, 1.4)


def run_of(out: Path, preset: Preset = SMOKE, **training) -> Run:
    return Run("ganimation", "smoke", replace(preset, training=replace(preset.training, **training)), out, CPU)


def never() -> bool:
    return False


class Sharpener:
    """An objective small enough to follow by hand: one number, by which the source is blended towards the target."""

    def __init__(self, start: float = 0.0, broken_at: int | None = None):
        self.networks = nn.ModuleDict({"share": nn.Linear(1, 1, bias=False), "other": nn.Linear(1, 1)})
        nn.init.constant_(self.networks["share"].weight, start)
        self.broken_at, self.steps = broken_at, 0

    def phases(self, step):
        return ("resting", "blend")

    def parameters(self, phase):
        return [{"params": list(self.networks["share" if phase == "blend" else "other"].parameters()), "scale": 1.0}]

    def terms(self, phase, batch: Batch, progress):
        if phase == "resting":
            return {}
        self.steps += 1
        loss = (self.generate(batch).image - batch.target).abs().mean()
        return {"L": loss, "odd": loss * (float("nan") if self.steps == self.broken_at else 0)}

    def generate(self, batch: Batch):
        share = self.networks["share"].weight * (batch.wanted != batch.source).any(1).view(-1, 1, 1, 1)
        return Generated(batch.image + share * (batch.target - batch.image))


def sharpener(start=0.0, broken_at=None, **training) -> Preset:
    settings = {"size": SIZE, "batch": 4, "samples": 400, "rate": 0.02, "evaluated": 100} | training
    return Preset(lambda *_: Sharpener(start, broken_at), SMOKE.network, SMOKE.weights, Training(**settings))


def test_it_learns_and_measures_what_it_learnt(tmp_path, views):
    preset = sharpener()
    run = run_of(tmp_path, preset)
    pairs = Pairs(views, preset.training)
    assert train(run, pairs, False, None, never) == 100
    kept = load(tmp_path / LAST)
    share = float(kept.group("networks")["share.weight"])
    assert 0.9 < share < 1.1 and kept.facts["step"] == 100
    objective = Sharpener(share)
    gains = measure(objective, pairs, lambda batch: batch)
    for change in ("combination", "pose"):
        assert gains.by_change[change] == pytest.approx(share, abs=1e-4)
    assert gains.error == pytest.approx(abs(1 - share), abs=1e-3) and gains.at_rest == 0
    assert load(tmp_path / BEST).facts["best"] <= gains.error + 1e-4


def test_what_only_copies_is_stopped(tmp_path, views):
    preset = sharpener(rate=0.0, patience=200)
    with pytest.raises(TrainingError, match="after 200 pictures the generator only copies"):
        train(run_of(tmp_path, preset), Pairs(views, preset.training), False, None, never)


def test_a_term_that_is_no_number_is_named_and_the_good_checkpoint_stays(tmp_path, views):
    preset = sharpener(broken_at=70)
    with pytest.raises(TrainingError, match="Step 70: odd of the phase blend is nan"):
        train(run_of(tmp_path, preset), Pairs(views, preset.training), False, None, never)
    kept = load(tmp_path / LAST)
    assert kept.facts["step"] == 50 and all(torch.isfinite(v).all() for v in kept.tensors.values())


def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(tmp_path, views):
    """GANimation whole, critic and penalty: the random draws of both are part of it."""
    settings = {"samples": 24, "evaluated": 10, "averaging": 0.9}
    pairs = Pairs(views, run_of(tmp_path, **settings).training)
    train(run_of(tmp_path / "whole", **settings), pairs, False, None, never)
    asked = iter([False] * 6 + [True])
    assert train(run_of(tmp_path / "parts", **settings), pairs, False, None, lambda: next(asked)) == 7
    torch.rand(5)  # whatever happens in between
    assert train(run_of(tmp_path / "parts", **settings), pairs, True, None, never) == 12
    whole, parts = load(tmp_path / "whole" / LAST), load(tmp_path / "parts" / LAST)
    assert whole.tensors.keys() == parts.tensors.keys() and whole.facts["step"] == parts.facts["step"] == 12
    for name, value in whole.tensors.items():
        assert torch.equal(value, parts.tensors[name]), name


def command(*more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "models.train",
        "--system",
        "ganimation",
        "--preset",
        "smoke",
        "--threads",
        "1",
        *more,
    ]


def test_a_killed_command_is_resumed(tmp_path, folder):
    data = ["--data", str(folder), "--samples", "400"]
    out = tmp_path / "run"
    process = subprocess.Popen(command(*data, "--out", str(out)), cwd=ROOT, stderr=subprocess.DEVNULL)
    for _ in range(1200):
        if (out / LAST).exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = load(out / LAST).facts["step"]
    assert 0 < step < 200
    again = subprocess.run(command(*data, "--out", str(out)), cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 1 and "go on with it by --resume" in again.stderr
    stopped = command("--data", str(folder), "--samples", str(2 * step + 4), "--out", str(out), "--resume")
    done = subprocess.run(stopped, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert load(out / LAST).facts["step"] == step + 2
    assert json.loads((out / "config.json").read_text())["people"] == 3


def test_minutes_and_ctrl_c_keep_what_is_done(tmp_path, folder, capsys):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        common = ["--system", "ganimation", "--preset", "smoke", "--data", str(folder), "--out", str(tmp_path / "run")]
        assert main([*common, "--minutes", "0"]) == 0
        assert "1 of 8 steps are done and kept; go on with --resume" in capsys.readouterr().out
        assert load(tmp_path / "run" / LAST).facts["step"] == 1
        assert main([*common, "--resume", "--batch", "4"]) == 1
        assert "its training is batch 2, this run's is batch 4" in capsys.readouterr().err
        assert main([*common, "--resume"]) == 0
        assert load(tmp_path / "run" / LAST).facts["step"] == 8
    finally:
        signal.signal(signal.SIGINT, handlers[0])
        signal.signal(signal.SIGTERM, handlers[1])


def test_weights_of_another_run_are_a_start(tmp_path, views):
    preset = sharpener()
    pairs = Pairs(views, preset.training)
    train(run_of(tmp_path / "first", preset), pairs, False, None, never)
    quick = sharpener(samples=4, rate=0.0)
    train(run_of(tmp_path / "second", quick), pairs, False, tmp_path / "first" / LAST, never)
    first, second = (load(tmp_path / name / LAST).group("networks")["share.weight"] for name in ("first", "second"))
    assert torch.equal(first, second)


def test_a_run_remembers_what_its_start_had_seen(tmp_path, folder):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        common = ["--system", "ganimation", "--preset", "smoke", "--data", str(folder), "--samples", "4"]
        first, second = tmp_path / "first", tmp_path / "second"
        assert main([*common, "--out", str(first)]) == 0
        assert main([*common, "--out", str(second), "--start", str(first / LAST), "--minutes", "0"]) == 0
        assert load_trained(second / LAST).spent.samples == 4 + 2
        assert main([*common, "--out", str(second), "--resume"]) == 0
        spent = [load_trained(run / LAST).spent for run in (first, second)]
        assert spent[1].samples == 4 + 4 and spent[1].minutes > spent[0].minutes > 0
    finally:
        signal.signal(signal.SIGINT, handlers[0])
        signal.signal(signal.SIGTERM, handlers[1])


def test_unknown_names_list_the_known_ones(capsys):
    with pytest.raises(ZygomaError, match="No system ganimate: choose one of ganimation"):
        find("ganimate", "cpu")
    with pytest.raises(ZygomaError, match="no preset huge: choose one of paper, h200, cpu, smoke"):
        find("ganimation", "huge")
    assert main(["--system", "ganimation", "--preset", "huge"]) == 1
    assert "paper, h200, cpu, smoke" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_trained(capsys):
    assert main(["--system", "ganimation", "--preset", "smoke", "--dry-run", "--samples", "10"]) == 0
    said = capsys.readouterr().out
    assert '"samples": 10' in said and "5 steps of 2 pairs" in said
    network = SMOKE.objective(SMOKE.network, SMOKE.weights, 64, 100).networks["generator"]
    assert f"generator: {sum(p.numel() for p in network.parameters()):,} parameters" in said
    assert describe(run_of(Path("nowhere")), 100).count("GFLOPs") == 1


@pytest.mark.parametrize("system", PRESETS)
def test_every_system_has_every_preset(system):
    assert list(PRESETS[system])[:4] == ["paper", "h200", "cpu", "smoke"]


# The optimisation itself


def test_learning_rates_rise_stay_and_fall(views):
    training = Training(rate=0.5, warm_up=10, flat=0.5)
    optimiser = optimiser_of(Sharpener(), "blend", training)
    rates = []
    for step, progress in ((0, 0.0), (4, 0.1), (9, 0.2), (50, 0.5), (75, 0.75), (90, 0.9)):
        pace(optimiser, training, step, progress)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.05, 0.25, 0.5, 0.5, 0.25, 0.1])


def test_optimisers_by_name():
    adam = optimiser_of(Sharpener(), "blend", Training(betas=(0.6, 0.9)))
    assert isinstance(adam, torch.optim.Adam) and adam.defaults["betas"] == (0.6, 0.9)
    rms = optimiser_of(Sharpener(), "blend", Training(optimiser="rmsprop", betas=(0.6, 0.9)))
    assert isinstance(rms, torch.optim.RMSprop) and rms.defaults["alpha"] == 0.9
    with pytest.raises(ZygomaError, match="choose adam or rmsprop"):
        optimiser_of(Sharpener(), "blend", Training(optimiser="lion"))


def test_averaged_weights():
    networks = nn.ModuleDict({"one": nn.BatchNorm1d(2)})
    averaged = {name: value.clone() for name, value in networks.state_dict().items()}
    values = []
    for step in range(60):
        nn.init.constant_(networks["one"].weight, float(step))
        networks["one"].num_batches_tracked.fill_(step)
        average(averaged, networks, 0.9, step)
        values.append(float(averaged["one.weight"][0]))
    assert values[:9] == pytest.approx([s / 2 for s in range(9)])  # the plain mean at first
    assert values[-1] == pytest.approx(59 - 9, abs=0.2) and int(averaged["one.num_batches_tracked"]) == 59
    networks["one"].eval()
    with averaged_in(networks, averaged):
        assert torch.equal(networks["one"].weight, averaged["one.weight"])
    assert float(networks["one"].weight[0]) == 59 and not networks["one"].training


def test_only_the_phases_own_weights_move(tmp_path, views):
    run = run_of(tmp_path)
    torch.manual_seed(0)
    objective = SMOKE.objective(SMOKE.network, SMOKE.weights, SIZE, 3)
    batch = on_device(Pairs(views, run.training).batch(0, 1.0), CPU)
    before = {name: value.clone() for name, value in objective.networks.state_dict().items()}
    found = minimise(objective, "generator", optimiser_of(objective, "generator", run.training), batch, 1.0, run)
    assert {"L_I", "L_A", "L_y_fake", "L_idt", "gradient"} == set(found)
    moved = {
        name.split(".")[0] for name, v in objective.networks.state_dict().items() if not torch.equal(v, before[name])
    }
    assert moved == {"generator"}
    assert all(p.grad is None for p in objective.networks["critic"].parameters())


def test_clipping_limits_the_step(tmp_path, views):
    run = run_of(tmp_path, clip=0.01)
    objective = Sharpener()
    batch = Pairs(views, run.training).batch(0, 1.0)
    optimiser = torch.optim.SGD(objective.networks["share"].parameters(), 1.0)
    norm = minimise(objective, "blend", optimiser, batch, 1.0, run)["gradient"]
    assert norm > 0.01 and float(objective.networks["share"].weight) == pytest.approx(0.01, rel=1e-3)


def test_recent_terms_are_averaged_and_forgotten():
    recent = Recent()
    recent.add(0, "critic", {"L": torch.tensor(1.0)})
    recent.add(1, "critic", {"L": torch.tensor(3.0)})
    recent.add(1, "resting", {})
    assert recent.checked() == {"critic/L": 2.0} and recent.checked() == {}
    recent.add(2, "critic", {"L": torch.tensor(1.0), "gradient": torch.tensor(float("inf"))})
    with pytest.raises(TrainingError, match="Step 3: gradient of the phase critic is inf"):
        recent.checked()


def gradients_of(rank: int, world: int, port: int, folder: Path, out: Path) -> None:
    torch.set_num_threads(1)
    if world > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        dist.init_process_group("gloo", rank=rank, world_size=world)
    run = replace(run_of(out, batch=4, photographic=False), rank=rank, world=world)
    torch.manual_seed(0)
    objective = run.preset.objective(run.preset.network, run.preset.weights, SIZE, 3)
    batch = Pairs(read_views([folder], SIZE, 1.4), run.training).batch(0, 1.0, rank, world)
    optimiser = torch.optim.SGD(objective.networks["generator"].parameters(), 0.0)
    minimise(objective, "generator", optimiser, batch, 1.0, run)
    grads = {name: p.grad for name, p in objective.networks["generator"].named_parameters()}
    torch.save(grads, out / f"{world}_{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def test_two_processes_give_the_gradient_of_the_whole_batch(tmp_path, folder):
    gradients_of(0, 1, 0, folder, tmp_path)
    port = 20000 + os.getpid() % 20000
    multiprocessing.spawn(gradients_of, (2, port, folder, tmp_path), nprocs=2)
    whole, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1_0", "2_0", "2_1"))
    for name, gradient in whole.items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(gradient, first[name], rtol=1e-3, atol=1e-5 * float(gradient.abs().max())), name


def test_torchrun_trains(tmp_path, folder):
    out = tmp_path / "run"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    torchrun += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    done = subprocess.run(
        [*torchrun, *command("--data", str(folder), "--out", str(out), "--samples", "8")[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert load(out / LAST).facts["step"] == 4
