"""Correspondence pictures: geometry and colours, without the library."""

import numpy as np

import scrl
from scrl import matches


def a_pair(crop1, crop2, flip1=False, flip2=True, side=64):
    view = np.zeros((3, side, side), np.float32)
    none = np.zeros((0, 4), np.float32)
    return scrl.ViewPair(view, view, none, none, crop1, crop2, flip1, flip2)


def places_of(pair, number, cells=8):
    """Features that tell nothing but where in the image a cell is: waves of x and y."""
    crop, flip = (pair.crop1, pair.flip1) if number == 1 else (pair.crop2, pair.flip2)
    side = pair.view1.shape[-1]
    at = matches.to_image(matches.centres(cells, cells, side), crop, flip, side)
    waves = [wave(at[:, axis] / scale)
             for axis in (0, 1) for scale in (20, 40) for wave in (np.sin, np.cos)]
    return np.array(waves).reshape(8, cells, cells)


def test_a_place_in_a_view_is_a_place_in_the_image(rng):
    points = rng.uniform(0, 64, (20, 2))
    for crop, flip in (((5, 10, 40, 80), True), ((0, 0, 64, 64), False)):
        there = matches.to_image(points, crop, flip, 64)
        np.testing.assert_allclose(matches.to_view(there, crop, flip, 64), points, atol=1e-9)
    corner = matches.to_image(np.array([[0.0, 64.0]]), (5, 10, 40, 80), True, 64)
    assert corner.tolist() == [[90, 45]]


def test_features_of_places_are_matched_and_others_are_not(rng):
    pair = a_pair((10, 20, 60, 80), (30, 5, 70, 75))
    one, two = places_of(pair, 1), places_of(pair, 2)
    good = matches.match(one, two, pair)
    assert 10 < len(good.errors) < 64
    # The nearest cell's centre is at most half a cell away along both axes.
    assert good.errors.max() <= np.sqrt(0.5) + 1e-6 and good.right == 1
    wrong = matches.match(one, rng.permutation(two.reshape(8, -1).T).T.reshape(8, 8, 8), pair)
    assert wrong.right < 0.4
    assert np.isnan(matches.match(one, two, a_pair((0, 0, 9, 9), (50, 50, 9, 9))).right)


def test_lines_are_green_where_right_and_red_where_wrong():
    pair = a_pair((0, 0, 64, 64), (0, 0, 64, 64), flip2=False)
    spot = np.array([[16.0, 16.0]])
    for error, colour in ((0.2, matches.RIGHT), (9.0, matches.WRONG)):
        drawn = matches.draw(pair, matches.Matches(spot, spot, spot, np.array([error])))
        assert drawn.shape == (288, 600, 3) and (drawn == colour).all(2).sum() > 300
    assert matches.colour_of(1) == matches.RIGHT and matches.colour_of(2) == matches.NEAR
    assert matches.colour_of(1.5) not in (matches.RIGHT, matches.NEAR, matches.WRONG)
