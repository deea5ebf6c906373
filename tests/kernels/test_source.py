"""Included text is pasted in once, lines keep their numbers, and what is missing is named."""

import pytest
from minigen.kernels import emulator, source


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "one.cuh").write_text('#pragma once\n#include "two.cuh"\nfloat one() { return 1; }\n')
    (tmp_path / "two.cuh").write_text("#pragma once\nfloat two() { return 2; }\n")
    (tmp_path / "k.cu").write_text(
        '#include <math.h>\n#include "one.cuh"  // both\n#include "two.cuh"\n\n__global__ void k(float* x) {\n'
        "    x[0] = one() + two();\n    __trap();\n}\n"
    )
    return tmp_path


def test_pasted_once_with_line_numbers(folder):
    text = source.inlined(folder / "k.cu")
    assert text.count("float two()") == 1 and "#include <math.h>" in text and '#include "' not in text
    with pytest.raises(emulator.KernelError, match=r"k\.cu:7: thread .* calls __trap"):
        emulator.load(folder / "k.cu").get_function("k")(1, 1, (emulator.empty(1),))


def test_a_changed_helper_is_a_changed_kernel(folder):
    x = emulator.empty(1)
    for value in (2, 5):
        (folder / "two.cuh").write_text(f"float two() {{ return {value}; }}\n")
        with pytest.raises(emulator.KernelError):
            emulator.load(folder / "k.cu").get_function("k")(1, 1, (x,))
        assert x[0] == 1 + value


def test_helpers_of_the_package_are_found(folder):
    (folder / "t.cu").write_text('#include "ptx.cuh"\n__global__ void t(unsigned* x) { x[0] = to_tf32(1.0f); }\n')
    assert emulator.load(folder / "t.cu").kernels == ["t"]


def test_a_missing_file_is_named(folder):
    (folder / "bad.cu").write_text('\n#include "absent.cuh"\n')
    with pytest.raises(FileNotFoundError, match=r'bad.cu:2: #include "absent.cuh": no such file in'):
        source.inlined(folder / "bad.cu")


def test_kernels_and_their_parameters():
    text = """
    extern "C" __global__ void __launch_bounds__(64) a(const float* __restrict__ x, unsigned long long n) { }
    template <int N> __global__ void t(float* x) { }
    // __global__ void commented(float* x) { }
    __global__ void b() { }
    """
    assert source.kernels(text) == {
        "a": [("const float* __restrict__", "x"), ("unsigned long long", "n")], "b": [],
    }  # fmt: skip
