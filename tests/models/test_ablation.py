"""The study of ingredients: each variant is a training that can begin, and the page tells what was measured."""

import pytest
import torch
from drawn_people import write

from models.ablation import SIZE, VARIANTS, main, of_fewer, preset_of, run_of
from models.pairs import HELD_OUT, Pairs, Views, read_views
from models.train import example, minimise, optimiser_of


@pytest.mark.parametrize("system", VARIANTS)
def test_every_variant_trains_a_step_of_each_phase(system, tmp_path):
    networks = set()
    for variant in VARIANTS[system]:
        run = run_of(system, variant, 8, "float32", tmp_path)
        preset = run.preset
        objective = preset.objective(preset.network, preset.weights, SIZE, 3)
        for phase in objective.phases(step=100_000):
            terms = minimise(objective, phase, optimiser_of(objective, phase, run.training), example(SIZE), 0.9, run)
            assert all(torch.isfinite(value) for value in terms.values()), (variant.name, terms)
        networks.add((str(preset.network), str(preset.weights), str(run.training), variant.people))
    assert len(networks) == len(VARIANTS[system])  # each changes something
    assert len({run_of(system, variant, 8, "float32", tmp_path).out for variant in VARIANTS[system]}) == len(networks)


def test_fewer_people_are_held_out_alike():
    people = torch.arange(HELD_OUT * 4).repeat_interleave(2).numpy()
    rows = len(people)
    views = Views(torch.zeros(rows, 3, 4, 4), torch.zeros(rows, 20), torch.zeros(rows, 478, 3), people, people, people)
    fewer = of_fewer(views, 0.25)
    assert set(fewer.people) == {*range(12), 11, 23, 35, 47}
    assert len(fewer.images) == len(fewer.vectors) == len(fewer.people)


def test_a_study_goes_on_and_writes_its_page(tmp_path, monkeypatch, capsys):
    data = write(tmp_path / "people", people=9, views=8, size=SIZE)
    few = (VARIANTS["ganimation"][0], VARIANTS["ganimation"][3])
    monkeypatch.setitem(VARIANTS, "ganimation", few)
    asked = ["--data", str(data), "--out", str(tmp_path / "runs"), "--systems", "ganimation", "--samples", "16"]
    assert main(asked) == 0
    printed = capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("last.safetensors")}
    assert len(before) == 2
    page = tmp_path / "ablation.md"
    assert main([*asked, "--page", str(page)]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing is trained twice
    assert (tmp_path / "ablation" / "ganimation.jpg").stat().st_size > 2000
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ") and "error" not in line]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [variant.name for variant in few]
    assert all(f"error {row.split(' | ')[1]} of copying" in printed for row in rows)

    quarter = of_fewer(read_views([data], SIZE, 1.4), few[1].people)
    assert Pairs(quarter, preset_of("ganimation", few[1], 16, "float32").training).people == 3  # of 8
