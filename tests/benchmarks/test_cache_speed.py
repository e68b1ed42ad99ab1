"""A step with and without a cache gives the same, and the committed results keep to their goals."""

import json

import pytest
import torch

from benchmarks import cache
from benchmarks.measure import RESULTS
from benchmarks.tables import table

SIZES = {"vocab": 30, "dim": 16, "ffn_dim": 24, "layers": 2}


def results():
    return json.loads((RESULTS / "cache-cpu.json").read_text())["rows"]


@pytest.mark.parametrize("key_heads", cache.KEY_HEADS.values())
def test_both_steps_say_the_same(key_heads):
    model = cache.network(key_heads, 9, **SIZES).double()
    prompt = cache.read(model, cache.prompts(model, 3, 9))
    torch.testing.assert_close(cache.with_cache(model, prompt)(), cache.anew(model, prompt)())


def test_a_step_reads_the_whole_prompt():
    model = cache.network(8, 9, **SIZES)
    words = cache.prompts(model, 3, 9)
    changed = words.clone()
    changed[:, 1] = changed[:, 1] % 20 + 5
    for prepare in (cache.with_cache, cache.anew):
        one, other = (prepare(model, cache.read(model, each))() for each in (words, changed))
        assert (one - other).abs().amax(dim=1).min() > 1e-6


@pytest.mark.parametrize("key_heads", cache.KEY_HEADS.values())
def test_megabytes_are_those_of_the_formula(key_heads):
    """Both keys and values, for each layer, key head, component and word but the last of a prompt."""
    model = cache.network(key_heads, 9, **SIZES)
    prompt = cache.read(model, cache.prompts(model, 3, 9))
    assert cache.megabytes(prompt.cache) == pytest.approx(2 * 2 * key_heads * (16 // 8) * (3 * 8) * 4 / 1e6)


def test_rows_are_complete_and_make_tables():
    rows = list(cache.rows(2, "cpu", batch=2, lengths=(3, 5), **SIZES))
    assert [row["length"] for row in rows] == [3, 5]
    assert all(row["difference"] < 1e-5 for row in rows)
    environment = {"device": "CPU", "threads": 1, "torch": "2", "python": "3"}
    lines = table({"environment": environment, "rows": rows}).splitlines()
    assert lines[0] == "| batch × length | cache | read anew | 2 key heads | 1 key head |"
    assert lines[5] == "| batch × length | cache | 2 key heads | 1 key head |"


def test_recorded_results_keep_to_their_goals():
    rows = results()
    assert [(row["batch"], row["length"]) for row in rows] == [(cache.BATCH, length) for length in cache.LENGTHS]
    assert all(row["difference"] <= 1e-4 for row in rows)
    anew = [row["timings"]["read anew"]["ratio"] for row in rows]
    assert min(anew) >= 3
    assert anew[-1] >= 20
    longest = rows[-1]["timings"]
    assert longest["1 key head"]["ratio"] <= longest["2 key heads"]["ratio"] <= 0.8
    for row in rows:
        size = row["megabytes"]
        assert size["cache"] == pytest.approx(4 * size["2 key heads"], rel=0.1)
        assert size["cache"] == pytest.approx(8 * size["1 key head"], rel=0.1)
