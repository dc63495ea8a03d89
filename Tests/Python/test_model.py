"""Model: features, embeddings, weights in and out."""

import numpy as np
import pytest

import scrl
from conftest import needs_library, small

pytestmark = needs_library


@pytest.fixture(scope="module")
def model():
    with scrl.Model(small()) as made:
        yield made


@pytest.fixture()
def images(rng):
    return rng.standard_normal((2, 3, 64, 64)).astype(np.float32)


def test_shapes_of_stages(model, images):
    for stage, shape in {"layer1": (2, 64, 16, 16), "layer2": (2, 128, 8, 8),
                         "layer3": (2, 256, 4, 4), "layer4": (2, 512, 2, 2)}.items():
        features = model.features(images, stage)
        assert features.shape == shape and features.dtype == np.float32
        assert np.isfinite(features).all()
    with pytest.raises(scrl.Error, match="layer9"):
        model.features(images, "layer9")


def test_embedding_is_the_mean_of_layer4(model, images):
    features = model.features(images)
    np.testing.assert_allclose(model.embed(images), features.mean((2, 3)), rtol=1e-4, atol=1e-5)
    assert model.embed(images).shape == (2, model.embedding_size) == (2, 512)


def test_region_embedding_is_roi_align_of_the_features(model, images):
    boxes = np.array([[0, 0, 0, 64, 64], [1, 5, 9, 40, 50], [1, 30, 2, 62, 33]], np.float32)
    expected = scrl.ops.roi_align(model.features(images), boxes, 1, 1 / 32)
    np.testing.assert_allclose(
        model.embed_regions(images, boxes), expected[:, :, 0, 0], rtol=1e-4, atol=1e-5)
    assert model.embed_regions(images, []).shape == (0, model.region_size)


def test_strided_images_give_the_same(model, images):
    plain = model.embed(images)
    for other in (np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
                  images.astype(np.float64), images[:, :, ::-1][:, :, ::-1]):
        np.testing.assert_array_equal(model.embed(other), plain)


def test_features_follow_the_weights(images):
    with scrl.Model(small()) as changed, scrl.Model(small(seed=1)) as other:
        boxes = [[1, 5, 9, 40, 50]]
        before = [changed.features(images, s) for s in ("layer1", "layer4")]
        changed.load_state_dict(other.state_dict())
        for old, stage in zip(before, ("layer1", "layer4")):
            new = changed.features(images, stage)
            assert (new != old).any()
            np.testing.assert_array_equal(new, other.features(images, stage))
        np.testing.assert_array_equal(changed.embed(images), other.embed(images))
        np.testing.assert_array_equal(
            changed.embed_regions(images, boxes), other.embed_regions(images, boxes))


@pytest.mark.parametrize("name", ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean",
                                  "layer1.0.bn2.running_var"])
def test_one_changed_weight_shows(images, name):
    with scrl.Model(small()) as model:
        before = model.features(images, "layer1")
        old = model.state_dict()[name]
        model.load_state_dict({name: old + 0.5}, strict=False)
        assert (model.features(images, "layer1") != before).any()
        model.load_state_dict({name: old}, strict=False)
        np.testing.assert_array_equal(model.features(images, "layer1"), before)


def test_what_is_not_finite_is_refused(images):
    with scrl.Model(small()) as model:
        bad = images.copy()
        bad[1, 2, 3, 4] = np.nan
        for call in (model.features, model.embed):
            with pytest.raises(scrl.ArgumentError, match="finite"):
                call(bad)
        variance = model.state_dict()["layer2.0.bn1.running_var"]
        model.load_state_dict({"layer2.0.bn1.running_var": -variance}, strict=False)
        with pytest.raises(scrl.DivergedError, match="layer2.0.conv1"):
            model.embed(images)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (0, 3, 64, 64), (1, 3, 0, 64)])
def test_wrong_shapes_are_refused(model, shape):
    with pytest.raises(scrl.Error):
        model.features(np.zeros(shape, np.float32))
    with pytest.raises(scrl.Error):
        model.embed(np.zeros(shape, np.float32))


def test_same_seed_same_weights():
    with scrl.Model(small()) as one, scrl.Model(small()) as two, scrl.Model(small(seed=1)) as three:
        a, b, c = (m.state_dict()["conv1.weight"] for m in (one, two, three))
        assert (a == b).all() and (a != c).any()


def test_names_are_torchvisions(model):
    state = model.state_dict()
    assert state["online.encoder.conv1.weight"].shape == (64, 3, 7, 7)
    assert state["conv1.weight"] is state["online.encoder.conv1.weight"]
    assert state["encoder.layer1.0.bn1.running_var"].shape == (64,)
    assert state["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1)
    with pytest.raises(KeyError):
        state["no.such"]


@pytest.mark.parametrize("prefix", ["", "encoder.", "online.encoder."])
def test_state_dict_round_trip_under_every_prefix(model, images, prefix):
    expected = model.embed(images)
    state = {prefix + name[len("online.encoder."):]: value
             for name, value in model.state_dict().items()}
    state["fc.weight"] = np.zeros((1000, 512))
    state["bn1.num_batches_tracked"] = np.array(7)
    with scrl.Model(small(seed=5)) as other:
        assert (other.embed(images) != expected).any()
        other.load_state_dict(state)
        np.testing.assert_array_equal(other.embed(images), expected)


def test_strict_loading_names_what_is_wrong_and_changes_nothing(model):
    with scrl.Model(small(seed=5)) as other:
        before = {name: value.copy() for name, value in other.state_dict().items()}
        state = {name[len("online.encoder."):]: value + 1 for name, value in model.state_dict().items()}
        missing = {k: v for k, v in state.items() if k != "bn1.weight"}
        with pytest.raises(scrl.ArgumentError, match=r"missing .*bn1\.weight"):
            other.load_state_dict(missing)
        with pytest.raises(scrl.ArgumentError, match="unknown surprise"):
            other.load_state_dict({**state, "surprise": np.zeros(1)})
        with pytest.raises(scrl.ShapeError, match=r"bn1\.weight"):
            other.load_state_dict({**state, "bn1.weight": np.zeros(65)})
        with pytest.raises(scrl.ArgumentError, match=r"bn1\.weight"):
            other.load_state_dict({**state, "bn1.weight": np.full(64, np.nan)})
        for name, value in other.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
        other.load_state_dict(missing, strict=False)


def test_saved_model_is_the_same(model, images, tmp_path):
    model.save(tmp_path / "m.h5")
    with scrl.Model.load(tmp_path / "m.h5") as again:
        np.testing.assert_array_equal(again.embed(images), model.embed(images))
        assert again.config["model.arch"] == "resnet18"
    with pytest.raises(scrl.StorageError):
        model.save(tmp_path / "no" / "m.h5")
    (tmp_path / "junk.h5").write_bytes(b"junk")
    with pytest.raises(scrl.FormatError):
        scrl.Model.load(tmp_path / "junk.h5")
    with pytest.raises(scrl.StorageError):
        scrl.Model.load(tmp_path / "none.h5")


def test_prepare_normalises_the_centre():
    gray = np.full((100, 140, 3), 124, np.uint8)
    image = scrl.prepare(gray, 64)
    assert image.shape == (3, 64, 64)
    expected = (124 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(image.mean((1, 2)), expected, atol=0.02)  # one grey level: 0.017
    with pytest.raises(scrl.ArgumentError):
        scrl.prepare(gray[:, :, 0], 64)
    with pytest.raises(scrl.ArgumentError, match="float32"):
        scrl.prepare(gray.astype(np.float32) / 255, 64)


def test_a_fresh_model_is_where_a_trainer_starts():
    with scrl.Model(small()) as model, scrl.Trainer(small()) as trainer:
        start = trainer.state_dict()
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, start[name], err_msg=name)
