"""Arrays for gradient checks: sizes 0, 1 and primes, every memory layout, away from a function's kinks."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

SIZES = st.sampled_from([0, 1, 2, 3, 5, 7])
SHAPES = st.lists(SIZES, max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)
LAYOUTS = st.sampled_from(["plain", "fortran", "reversed", "strided", "expanded"])


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another memory layout; `expanded` repeats the first slice with stride 0."""
    if not array.ndim or layout == "plain":
        return array
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        return array[::-1].copy()[::-1]
    if layout == "strided":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan)
        wide[..., ::2] = array
        return wide[..., ::2]
    return np.broadcast_to(array[:1] if len(array) else array, array.shape)


@st.composite
def arrays(draw, shape=None, low=-2.0, high=2.0, away=(), expand=True):
    """Values in [low, high], none closer than 0.1 to those of `away`."""
    shape = draw(SHAPES) if shape is None else shape
    rng = np.random.default_rng(draw(SEEDS))
    x = rng.uniform(low, high, shape)
    for kink in away:
        x = np.where(abs(x - kink) < 0.1, kink + np.where(x < kink, -0.1, 0.1) + (x - kink), x)
    layout = draw(LAYOUTS)
    return laid_out(x, "plain" if layout == "expanded" and not expand else layout)


def one(**options):
    """One array."""
    return arrays(**options).map(lambda x: [x])


@st.composite
def two(draw, away=(), low=-2.0, high=2.0, low2=None, high2=None):
    """Two arrays that broadcast together; `away` holds distances to avoid between them."""
    sides = mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=5)
    a, b = draw(sides).input_shapes
    x = draw(arrays(a, low, high))
    y = draw(arrays(b, low if low2 is None else low2, high if high2 is None else high2))
    if away:  # x on even tenths and y on odd ones: never closer than 0.1
        x, y = np.round(x * 5) / 5, np.round(y * 5) / 5 + 0.1
    return [x, y]


@st.composite
def distinct(draw, min_dims=0):
    """Elements that differ by at least 0.1, so that no step changes which is the largest."""
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 5]), min_size=min_dims, max_size=3).map(tuple))
    n = int(np.prod(shape))
    x = np.random.default_rng(draw(SEEDS)).permutation(n).reshape(shape) * 0.1 - n / 20
    return [laid_out(x, draw(LAYOUTS.filter(lambda layout: layout != "expanded")))]


@st.composite
def shaped(draw, *shapes, low=-1.0, high=1.0):
    """Arrays of shapes that share drawn sizes: shaped("mk", "kn")."""
    size = {letter: draw(SIZES) for letter in sorted(set("".join(shapes)))}
    return [draw(arrays(tuple(size[c] for c in shape), low, high)) for shape in shapes]


def fixed(*shapes, **options):
    """Arrays of given shapes."""
    return st.tuples(*[arrays(s, **options) for s in shapes]).map(list)
