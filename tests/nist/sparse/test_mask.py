import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nist.sparse.mask import Band, edges, factor, kept_weights, neuroseed_mask
from tests.nist.sparse.plain_loops import double_loop_mask


@st.composite
def layers(draw):
    n_in, n_out = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return n_in, n_out, draw(st.integers(1, n_out))


@given(layers())
def test_the_mask_is_that_of_the_papers_double_loop(layer):
    np.testing.assert_array_equal(neuroseed_mask(*layer), double_loop_mask(*layer).T.numpy(), strict=True)


@given(layers(), st.sampled_from(["literal", "even"]), st.integers(1, 3))
def test_no_connection_is_there_twice(layer, scheme, parts):
    n_in, width, k = layer
    band = Band(n_in, parts * width, k, scheme, parts)
    inputs, outputs = band.edges()
    assert band.n_weights == len(inputs) == len(np.unique(outputs * n_in + inputs))


@given(layers())
def test_even_fan_ins_differ_by_one_at_most_where_outputs_are_more(layer):
    n_in, n_out, k = layer
    fan_in = np.bincount(Band(n_in, n_out, k, "even").edges()[1], minlength=n_out)
    if n_in < n_out:
        assert fan_in.max() - fan_in.min() <= 1
        assert (fan_in.min() > 0) == (k * n_in >= n_out)
    else:
        np.testing.assert_array_equal(fan_in, np.bincount(edges(*layer)[1], minlength=n_out))


def test_figure_1():
    # Section 3.1: 10 inputs, 5 outputs, k = 1, 2, 3 give every output 2, 4, 6 inputs.
    for k in (1, 2, 3):
        assert neuroseed_mask(10, 5, k).sum(axis=0).tolist() == [2 * k] * 5


def test_sparse_3_leaves_51_of_200_units_unconnected():
    assert 200 - len(np.unique(edges(100, 200, 50)[1])) == 51


@pytest.mark.parametrize(
    ("shapes", "weights"),
    [
        ([(120, 84, 1), (84, 10, 10)], 960),
        ([(120, 84, 1), (84, 10, 5)], 540),
        ([(120, 84, 84), (84, 10, 10)], 10_920),
        ([(1024, 100, 2), (100, 200, 50), (200, 10, 10)], 9_048),
        ([(1024, 10, 10)], 10_240),
    ],
)
def test_head_counts_of_the_paper(shapes, weights):
    assert sum(int(neuroseed_mask(*shape).sum()) for shape in shapes) == weights


@pytest.mark.parametrize("k", [0, -1, 6])
def test_a_factor_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match="between 1 and n_out = 5"):
        neuroseed_mask(10, 5, k)


def test_an_empty_layer_is_refused():
    with pytest.raises(ValueError, match="n_in must be at least 1"):
        neuroseed_mask(0, 5, 1)


def test_factors_are_floored_exactly():
    assert [factor(density, 100) for density in (0.29, 0.57, 0.58, 0.295, 0.001, 1)] == [29, 57, 58, 29, 1, 100]


@pytest.mark.parametrize(
    ("n_dense", "sparsity", "kept"),
    [
        (10_920, 0.98, 218),
        (10_920, 0.995, 54),
        (33_595_392, 0.98, 671_907),
        (33_595_392, 0.995, 167_976),
        (33_595_392, 0.9999, 3_359),
        (119_947_264, 0.999, 119_947),
        (1000, 0.9, 100),  # floats give floor(99.99999999999997) = 99
        (7, 0, 7),
    ],
)
def test_kept_weights_are_floored_as_in_the_tables(n_dense, sparsity, kept):
    assert kept_weights(n_dense, sparsity) == kept


@pytest.mark.parametrize("sparsity", [1, -0.1, 98])
def test_an_impossible_sparsity_is_refused(sparsity):
    with pytest.raises(ValueError, match="sparsity must be in"):
        kept_weights(100, sparsity)


@pytest.mark.parametrize("value", [2.0, "2", None])
@pytest.mark.parametrize("name", ["k", "parts", "channels"])
def test_numbers_that_are_not_whole_are_refused(name, value):
    with pytest.raises(ValueError, match="must be a whole number, got"):
        Band(**{"n_in": 4, "n_out": 4, "k": 2, name: value})
    Band(**{"n_in": 4, "n_out": 4, "k": 2, name: np.int64(2)})


def test_whole_numbers_of_numpy_are_kept_as_python_ones():
    band = Band(np.int64(12), np.int32(8), np.int64(3))
    assert {type(each) for each in (band.n_in, band.n_out, band.k)} == {int}
