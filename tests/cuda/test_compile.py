"""The compiler takes every kernel, for sm_80 and sm_90, and makes of it what the source claims. No GPU is needed.

Without CuPy and NVRTC (pip install "minigen[cuda-check]") these tests say that they did not run.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from kernel_report import COMPILED
from minigen.kernels import resources

WHAT = ("", "_input", "_weight")
WITHOUT = "NOT RUN: no {} here (pip install 'minigen[cuda-check]')"


@pytest.fixture(scope="module")
def everything():
    try:
        resources.compiler()
    except Exception as error:
        pytest.skip(f"{WITHOUT.format('NVRTC')}: {error}")
    return resources.everything()


@pytest.fixture(scope="module")
def code(everything):
    if resources.disassembler() is None:
        pytest.skip(WITHOUT.format("nvdisasm"))
    cubins = [done.cubin for (_, arch), done in everything.items() if arch == "sm_90"]
    with ThreadPoolExecutor() as pool:
        return {name: text for part in pool.map(resources.instructions, cubins) for name, text in part.items()}


def test_every_kernel_compiles_without_spills_as_the_table_says(everything):
    found, known = resources.table(everything), json.loads(resources.TABLE.read_text())
    assert found["kernels"].keys() == known["kernels"].keys(), "python -m minigen.kernels.resources --write"
    slack = 0 if found["nvrtc"] == known["nvrtc"] else 24  # another compiler spends other registers
    for name, by_arch in found["kernels"].items():
        for arch, used in by_arch.items():
            before = known["kernels"][name][arch]
            assert used["spills"] == 0, f"{name} for {arch}"
            assert abs(used["registers"] - before["registers"]) <= slack, f"{name} for {arch}: {used}, was {before}"
            assert used["shared"] == before["shared"], f"{name} for {arch}"
    COMPILED.update(found["kernels"])


def test_tensor_cores_and_wide_loads_are_there_where_they_are_claimed(code):
    """HMMA: mma.sync on tensor cores. LDG.E.128 and LDS.128: 16 bytes from memory, from shared memory.

    LDGSTS: cp.async, from memory to shared memory. LDSM: ldmatrix.
    """
    claims = {
        "matmul_v6_vector": ("LDG.E.128", "LDS.128"),
        "matmul_v7_warp": ("LDG.E.128", "LDS.128"),
        **dict.fromkeys(("matmul_v8_tf32", "matmul_v8_tf32_wide"), ("HMMA", "LDGSTS.E.BYPASS", "LDSM", "LDS.64")),
        **dict.fromkeys((f"conv2d{what}_v4_warp" for what in WHAT), ("LDG.E.128", "LDS.128", "STG.E.128")),
        "conv2d_bias_v4_warp": ("LDG.E.128", "LDS.128", "STG.E.128"),
        **dict.fromkeys((f"conv2d{what}_v5_tf32" for what in WHAT), ("LDG.E.128", "HMMA")),
        "reduce_v3_vector": ("LDG.E.128",),
        "softmax_v3_vector": ("LDG.E.128", "STG.E.128"),
        "layer_norm_v3_vector": ("LDG.E.128", "STG.E.128"),
        **dict.fromkeys(("softmax_vjp", "layer_norm_vjp"), ("LDG.E.128", "STG.E.128")),
        "batch_norm_see": ("LDG.E.128",),
        **dict.fromkeys(
            ("batch_norm", "batch_norm_vjp", "group_norm"), ("LDG.E.128", "STS.128", "LDS.128", "STG.E.128")
        ),
        **dict.fromkeys(
            ("batch_norm_in_parts", "batch_norm_vjp_in_parts", "group_norm_in_parts"), ("LDG.E.EF.128", "STG.E.EF.128")
        ),
        "adam": ("LD.E.128", "ST.E.128"),
        "dropout_mask": ("STG.E.128",),
    }
    for name, words in claims.items():
        for word in words:
            assert word in code[name], f"{name}: no {word}"


def test_nothing_goes_to_local_memory_and_float32_stays_float32(code):
    for name, text in code.items():
        assert "LDL" not in text and "STL" not in text, f"{name}: local memory"
        assert "_tf32" in name or "HMMA" not in text, f"{name}: tensor cores that nobody asked for"
        assert "ATOM" not in text and "RED.E" not in text, f"{name}: atomics"
