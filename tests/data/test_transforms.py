"""Each transform against its definition, on one image and on batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigen.data.transforms import Compose, Lambda, Normalize, Pad, Resize, ToTensor, apply, triangle_weights

UNIT = st.floats(0, 1, width=32)
IMAGES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=6), elements=UNIT)


@given(IMAGES, st.sampled_from([Pad((1, 2, 0, 3), fill=0.5), Normalize(0.5, 0.25), Resize((3, 4)), Resize(5),
                                Compose([Pad(2), Normalize(0.5, 0.5)]), Lambda(lambda x: x - x.max())]))
def test_a_batch_is_its_images(images, transform):
    batch = apply(transform, images)
    assert batch.dtype == np.float32
    for image, out in zip(images, batch, strict=True):
        np.testing.assert_array_equal(transform(image), out)


def test_pad():
    x = np.ones((1, 2, 3), np.float32)
    assert Pad(2)(x).shape == (1, 6, 7)
    assert Pad((1, 2))(x).shape == (1, 6, 5)  # left and right, top and bottom
    y = Pad((1, 0, 2, 3), fill=-1)(x)
    assert y.shape == (1, 5, 6)
    np.testing.assert_array_equal(y[0, :2, 1:4], 1)
    assert y.sum() == 6 - (30 - 6)


def test_normalize_per_channel():
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    np.testing.assert_array_equal(Normalize((1, 2), (2, 4))(x), np.stack([(x[0] - 1) / 2, (x[1] - 2) / 4]))
    with pytest.raises(ValueError, match=r"mean has 2 values.*\(3, 4, 4\)"):
        Normalize((1, 2), 1)(np.zeros((3, 4, 4), np.float32))


def test_digits_for_a_generator_with_tanh():
    x = np.zeros((5, 1, 28, 28), np.float32)
    x[:, :, 14, 14] = 1
    y = Compose([Pad(2), Normalize(0.5, 0.5)])(x)
    assert y.shape == (5, 1, 32, 32) and y.min() == -1 and y.max() == 1 and y[0, 0, 16, 16] == 1


def test_to_tensor():
    x = np.array([[0, 51], [102, 255]], np.uint8)
    y = ToTensor()(x)
    assert y.shape == (1, 2, 2) and y.dtype == np.float32
    np.testing.assert_array_equal(y[0] * 5, [[0, 1], [2, 5]])
    assert ToTensor()(y) is y
    assert ToTensor()(np.zeros((7, 2, 2), np.uint8)).shape == (7, 1, 2, 2)
    with pytest.raises(TypeError, match="float64"):
        ToTensor()(np.zeros((2, 2)))


@given(st.integers(1, 20), st.integers(1, 20))
def test_resampling_keeps_constants_and_mirrors(n, m):
    weights = triangle_weights(n, m)
    assert weights.shape == (m, n) and weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-6)


def test_resize():
    x = np.random.default_rng(0).random((2, 1, 4, 6), np.float32)
    np.testing.assert_array_equal(Resize((4, 6))(x), x)
    assert Resize(8)(x).shape == (2, 1, 8, 12)
    np.testing.assert_allclose(triangle_weights(2, 4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(triangle_weights(4, 2) * 8, [[3, 3, 1, 0], [0, 1, 3, 3]] / np.float32(7 / 8))
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 8, 8))
    assert np.ptp(Resize(4)(ramp)[0, :, 1:-1], axis=0).max() < 1e-5  # columns of a ramp stay level
    np.testing.assert_allclose(np.diff(Resize(16)(ramp)[0, 0])[2:-2], 0.5, rtol=1e-5)


def test_a_plain_function_sees_one_image():
    seen = []
    apply(lambda x: seen.append(x.shape) or x, np.zeros((3, 1, 4, 4), np.float32))
    assert seen == [(1, 4, 4)] * 3
    apply(Lambda(lambda x: seen.append(x.shape) or x, batched=True), np.zeros((3, 1, 4, 4), np.float32))
    assert seen[-1] == (3, 1, 4, 4)
    assert not Compose([Pad(1), lambda x: x]).batched and Compose([Pad(1), ToTensor()]).batched


@pytest.mark.parametrize("make", [lambda: Pad(-1), lambda: Pad((1, 2, 3)), lambda: Normalize(0, 0), lambda: Resize(0),
                                  lambda: Resize((1, 2, 3)), lambda: Normalize(0.5, (1, -1))])
def test_bad_values(make):
    with pytest.raises(ValueError, match="must"):
        make()


def test_reprs_can_be_read():
    text = repr(Compose([Pad(2), Normalize(0.5, 0.5), Resize(8), ToTensor(), Lambda(abs)]))
    assert text == ("Compose([Pad((2, 2, 2, 2), fill=0), Normalize(mean=[0.5], std=[0.5]), "
                    "Resize(8), ToTensor(), Lambda(abs)])")
