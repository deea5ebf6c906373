"""Where tensors lie; and what is said where there is no GPU, or where it fails: CuPy's errors, each with its remedy."""

import types

import numpy as np
import pytest

import minigen
from minigen import nn
from minigen.backend.cuda import device
from minigen.optim import Adam


class Cuda(types.SimpleNamespace):
    """cupy.cuda, whose libraries are looked for when they are asked for."""

    @property
    def cublas(self):
        if self.blas:
            raise self.blas


def fake(driver=13000, toolkit=13000, count=1, nvrtc=None, blas=None):
    """As much of CuPy as is asked before the first array."""

    def devices():
        if isinstance(count, Exception):
            raise count
        return count

    def version():
        if nvrtc:
            raise nvrtc
        return (13, 0)

    runtime = types.SimpleNamespace(
        driverGetVersion=lambda: driver, runtimeGetVersion=lambda: toolkit, getDeviceCount=devices
    )
    return types.SimpleNamespace(
        cuda=Cuda(runtime=runtime, nvrtc=types.SimpleNamespace(getVersion=version), blas=blas)
    )


class CUDARuntimeError(RuntimeError):
    """Of the name that CuPy's has."""


@pytest.mark.parametrize(
    ("cupy", "words"),
    [
        (ImportError("No module named 'cupy'"), "pip install 'minigen[cuda]'"),
        (fake(driver=0), "no CUDA driver was found: install NVIDIA's driver"),
        (fake(driver=12040), "the driver supports CUDA 12.4, CuPy was built for 13.0; update the driver, or install"),
        (fake(driver=12040), "pip install cupy-cuda12x"),
        (fake(count=0), "is CUDA_VISIBLE_DEVICES empty?"),
        (fake(count=CUDARuntimeError("cudaErrorNoDevice")), "finds no usable GPU (cudaErrorNoDevice)"),
        (fake(nvrtc=RuntimeError("libnvrtc.so.13 not found")), "NVRTC, CUDA's compiler, cannot be loaded (libnvrtc"),
        (fake(nvrtc=RuntimeError("libnvrtc.so.13 not found")), "pip install 'nvidia-cuda-nvrtc>=13'"),
        (fake(blas=ImportError('Failure finding "libcublasLt.so.13": ...')), "pip install nvidia-cublas"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(cupy, words):
    def load(name):
        assert name == "cupy"
        if isinstance(cupy, Exception):
            raise cupy
        return cupy

    with pytest.raises(RuntimeError) as error:
        device.cupy(load)
    assert words in str(error.value)


def test_all_there(monkeypatch):
    whole = fake(driver=13020)
    assert device.cupy(lambda name: whole)[0] is whole


def test_no_array_is_the_null_pointer(monkeypatch):
    """CuPy hands None over as the address -1."""
    launched = []
    _, launcher = device.cupy(lambda name: fake())
    launcher.run(lambda grid, block, args, shared_mem: launched.append(args), (1,), (1,), [None, np.int32(3)], 0, ())
    assert launched == [(0, 3)] and launched[0][0].dtype == np.uintp


class OutOfMemoryError(MemoryError):
    """Of the name that CuPy's has."""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OutOfMemoryError("Out of memory allocating 9,999 bytes"), MemoryError, "exp: the GPU's memory is full (Out"),
        (CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access"), RuntimeError, "CUDA_LAUNCH_BLOCKING=1"),
        (CUDARuntimeError("cudaErrorLaunchFailure: unspecified"), RuntimeError, 'use_backend("emulator"), which names'),
        (CUDARuntimeError("cudaErrorInsufficientDriver: too old"), RuntimeError, "the driver is older than CuPy's"),
        (CUDARuntimeError("cudaErrorUnknown"), RuntimeError, "`minigen doctor` says what is installed"),
    ],
)
def test_a_fault_of_the_gpu_is_explained_and_the_next_step_works(gpu, monkeypatch, error, kind, words):
    x = minigen.ones(3).to("cuda")
    emptied = []
    monkeypatch.setattr(gpu.launcher, "empty_cache", lambda: emptied.append(True))

    def fail(x):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(type(gpu), "exp", staticmethod(fail))
        with pytest.raises(kind) as caught:
            x.exp()
    assert words in str(caught.value)
    assert bool(emptied) == (kind is MemoryError)
    np.testing.assert_allclose(x.exp().cpu().numpy(), np.e, rtol=1e-6)


def test_tensors_say_where_they_lie_and_move(gpu):
    x = minigen.randn(2, 3, requires_grad=True)
    y = x.to("cuda")
    assert (x.device.type, y.device.type, repr(y.device)) == ("cpu", "cuda", "device(type='cuda', index=0)")
    assert "device='cuda:0'" in repr(y)
    (y * y).sum().backward()
    assert x.grad.device.type == "cpu"
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy())
    with pytest.raises(TypeError, match=r"t\.cpu\(\)\.numpy\(\)"):
        y.numpy()
    with pytest.raises(BufferError, match=r"take \.cpu\(\), or \.array"):
        np.from_dlpack(y)
    assert y.cpu().device.type == "cpu" and y.cuda() is y
    there = {"device": "cuda"}
    for made in (minigen.zeros(2, **there), minigen.randn(2, **there), minigen.tensor([1, 2], **there),
                 minigen.ones_like(y), y.new_zeros(3), minigen.arange(3, **there)):  # fmt: skip
        assert made.device.type == "cuda"


def test_mixed_devices_are_refused_but_numbers_may_come_from_the_cpu(gpu):
    x, y = minigen.ones(2), minigen.ones(2).to("cuda")
    with pytest.raises(RuntimeError, match=r"add: inputs lie on the CPU .* move one of them"):
        x + y
    assert (y * minigen.tensor(3.0)).tolist() == [3.0, 3.0]
    assert (2 - y).tolist() == [1.0, 1.0]


def test_modules_and_optimisers_move_and_are_saved(gpu, tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to("cuda")
    assert {t.device.type for t in [*model.parameters(), *model.buffers()]} == {"cuda"}
    optimiser = Adam(model.parameters(), lr=0.1)
    model(minigen.randn(4, 3, device="cuda")).sum().backward()
    optimiser.step()
    minigen.save({"model": model.state_dict(), "optimiser": optimiser.state_dict()}, str(tmp_path / "a.ckpt"))
    loaded = minigen.load(str(tmp_path / "a.ckpt"))
    other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to("cuda")
    other.load_state_dict(loaded["model"])
    again = Adam(other.parameters(), lr=0.1)
    again.load_state_dict(loaded["optimiser"])
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert np.array_equal(a.tolist(), b.tolist()) and b.device.type == "cuda"
    assert again.state[next(other.parameters())]["exp_avg"].device.type == "cuda"
    assert model.cpu()[0].weight.device.type == "cpu"


def test_the_emulator_trains_a_tiny_model():
    """use_backend("emulator"): our CUDA kernels compute on the CPU's tensors; the losses are NumPy's."""
    from minigen.kernels.bench.gpu import steps

    losses = {}
    for name in ("numpy", "emulator"):
        with minigen.use_backend(name):
            losses[name] = steps("cpu", 3, False)
    assert losses["emulator"][-1] < losses["emulator"][0]
    np.testing.assert_allclose(losses["emulator"], losses["numpy"], rtol=1e-4)


def test_a_rung_can_be_chosen_for_a_whole_step(gpu):
    from minigen.kernels.bench.gpu import steps

    with minigen.use_backend("cuda"):
        want = steps("cuda", 2, False)
        with minigen.use_kernel("conv2d", "v2_shared"), minigen.use_kernel("matmul", "v3_shared"):
            assert gpu.chosen == {} and minigen.backend.gpu().chosen == {"conv2d": "v2_shared", "matmul": "v3_shared"}
            got = steps("cuda", 2, False)
    np.testing.assert_allclose(got, want, rtol=1e-4)
    with minigen.use_backend("cuda"), pytest.raises(ValueError, match="no rung 'v9'"):
        minigen.use_kernel("conv2d", "v9")
