"""The quick judges beside numpy: the same numbers from plain definitions, and what they refuse."""

import json
import signal
import threading
import time

import numpy as np
import pytest

import scrl
from conftest import needs_library, python, small
from scrl import evaluate

pytestmark = needs_library


@pytest.fixture(scope="module")
def model():
    with scrl.Model(small(**{"views.size": 64, "roi.stage": "layer3"})) as made:
        yield made


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """12 other scenes, of another size than `data`, and not square."""
    from PIL import Image

    from scrl import synth

    folder = tmp_path_factory.mktemp("other")
    synth.write(folder, 12, seed=11, size=120, workers=1, progress=False)
    annotations = json.loads((folder / "annotations.json").read_text())
    for picture in annotations["images"][:6]:  # the upper 90 rows alone
        for path in folder.rglob(picture["file_name"].rsplit("/", 1)[-1]):
            Image.open(path).crop((0, 0, 120, 90)).save(path, quality=92)
        picture["height"] = 90
    for box in annotations["annotations"]:
        box.pop("segmentation", None)
    (folder / "annotations.json").write_text(json.dumps(annotations))
    out = tmp_path_factory.mktemp("packed") / "other.h5"
    scrl.pack(folder, out, annotations=folder / "annotations.json", progress=False)
    return out


def blobs(rows, seed=0, classes=6, width=12):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    centres = np.random.default_rng(99).standard_normal((classes, width))
    return (0.4 + centres[labels] + 1.5 * rng.standard_normal((rows, width))).astype(np.float32), labels


def unit(x):
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def knn_by_numpy(x, y, xt, yt, k, temperature):
    near = unit(xt) @ unit(x).T
    order = np.argsort(-near, axis=1, kind="stable")[:, :k]
    votes = np.zeros((len(xt), y.max() + 1))
    for row, places in enumerate(order):
        np.add.at(votes[row], y[places], np.exp(near[row, places] / temperature))
    ranked = np.argsort(-votes, axis=1, kind="stable")
    first = ranked[:, 0] == yt
    five = (ranked[:, :5] == yt[:, None]).any(1) & (votes[np.arange(len(yt)), yt] > 0)
    return first.mean(), five.mean()


@pytest.mark.parametrize("k, temperature", [(1, 0.07), (7, 0.07), (200, 0.07), (50, 1.0), (9999, 0.5)])
def test_knn_is_numpys(k, temperature):
    (x, y), (xt, yt) = blobs(5000), blobs(300, 1)  # more rows than a block of the bank
    report = evaluate.knn(None, (x, y), (xt, yt), neighbours=k, temperature=temperature)
    assert (report.accuracy, report.top5) == pytest.approx(
        knn_by_numpy(x, y, xt, yt, min(k, 5000), temperature), abs=1e-12)
    assert report.chance == (yt == np.bincount(y).argmax()).mean()
    assert (report.neighbours, report.train_images, report.test_images) == (min(k, 5000), 5000, 300)


def test_knn_holds_out_leaves_out_and_limits():
    (x, y), (xt, yt) = blobs(100), blobs(50, 1, classes=8)
    report = evaluate.knn(None, (x, y), seed=3)
    assert (report.train_images, report.test_images) == (80, 20)
    assert report._replace(seconds=0) == evaluate.knn(None, (x, y), seed=3)._replace(seconds=0)
    y[:10] = -1
    report = evaluate.knn(None, (x, y), (xt, yt))
    assert report.left_out == 10 and report.unseen == (yt >= 6).sum()
    few = evaluate.knn(None, (x, y), (xt, yt), train_images=30, test_images=20)
    assert (few.train_images, few.test_images) == (30, 20)


def test_knn_of_images_is_that_of_their_embeddings(model, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(5)
    for number in range(40):
        folder = tmp_path / "pictures" / ("dark", "bright", "red")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (70, 80, 3)) + (0, 60, 40)[number % 3]
        pixels[..., 1:] -= (number % 3 == 2) * 30
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    scrl.pack(tmp_path / "pictures", tmp_path / "d.h5", labels="folders", progress=False)
    heard = []
    with scrl.Dataset(tmp_path / "d.h5") as data:
        vectors = model.embed(np.stack([scrl.prepare(image, 64) for image in data]))
        labels = data.labels
        report = evaluate.knn(model, data, data, neighbours=5, progress=False,
                              callback=lambda *state: heard.append(state))
    rows = evaluate.knn(None, (vectors, labels), (vectors, labels), neighbours=5)
    assert report._replace(seconds=0) == rows._replace(seconds=0)
    assert heard[-1] == (80, 80)
    # Every image is its own closest neighbour, with the largest vote.
    assert evaluate.knn(model, data_path := tmp_path / "d.h5", data_path, neighbours=1).accuracy == 1


# ------------------------------------------------------------------ regions

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def region_rows(model, path, size=None):
    """Vectors, classes and images of the labelled boxes, one picture at a time."""
    from PIL import Image

    rows, classes, images = [], [], []
    with scrl.Dataset(path) as data:
        for index in range(len(data)):
            picture, boxes, labels = data[index], data.boxes(index).copy(), data.box_labels(index)
            if size is not None:
                height, width = picture.shape[:2]
                scale = size / min(height, width)
                new = int(width * scale + 0.5), int(height * scale + 0.5)
                picture = np.asarray(Image.fromarray(picture).resize(new, Image.Resampling.BICUBIC))
                boxes *= np.array([new[0] / width, new[1] / height] * 2, np.float32)
            height, width = picture.shape[:2]
            boxes = np.clip(boxes, 0, [width, height, width, height])
            keep = (labels >= 0) & (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
            if not keep.any():
                continue
            x = ((picture / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
            own = np.hstack([np.zeros((keep.sum(), 1)), boxes[keep]])
            rows.append(model.embed_regions(x.astype(np.float32), own.astype(np.float32)))
            classes += labels[keep].tolist()
            images += [index] * int(keep.sum())
    return np.concatenate(rows), np.array(classes), np.array(images)


@pytest.mark.parametrize("size", [None, 64])
def test_regions_are_those_of_single_pictures(model, data, other, size):
    (x, y, train), (xt, yt, test) = (region_rows(model, path, size) for path in (data, other))
    report = evaluate.regions(model, data, other, size=size, epochs=10, neighbours=9, progress=False)
    assert (report.train_boxes, report.test_boxes) == (len(y), len(yt))
    assert (report.train_images, report.test_images) == (len(set(train)), len(set(test)))
    assert report.classes == len(set(y)) and report.unseen == (~np.isin(yt, y)).sum()
    votes = evaluate.knn(None, (x, y), (xt, yt), neighbours=9)
    layer = evaluate.linear(None, (x, y), (xt, yt), epochs=10)
    # Pictures of a size go through the backbone together: float32 sums may differ in the last
    # digit, which moves a box or two across a boundary.
    assert report.knn == pytest.approx(votes.accuracy, abs=2.5 / len(yt))
    assert report.linear == pytest.approx(layer.accuracy, abs=2.5 / len(yt))
    assert report.knn_top5 >= report.knn and report.linear_top5 >= report.linear
    assert (report.batch, report.base_lr, report.neighbours) == (layer.batch, 0.2, 9)
    assert report.chance == votes.chance


def test_regions_hold_out_whole_images_and_take_few(model, data):
    first = evaluate.regions(model, data, epochs=2, progress=False)
    again = evaluate.regions(model, data, epochs=2, progress=False, view_threads=3)
    assert first._replace(seconds=0) == again._replace(seconds=0)
    assert first.train_images + first.test_images <= 24 and 3 <= first.test_images <= 5
    few = evaluate.regions(model, data, epochs=2, train_images=6, test_images=2, progress=False)
    assert (few.train_images, few.test_images) == (6, 2) and few.train_boxes < first.train_boxes


def retrieval_by_numpy(x, y, images):
    near, rows = unit(x) @ unit(x).T, []
    for q in range(len(x)):
        others = np.flatnonzero(images != images[q])
        ranked = others[np.argsort(-near[q, others], kind="stable")]
        hit = y[ranked] == y[q]
        if hit.any():
            places = np.flatnonzero(hit) + 1
            rows.append([*(hit[:k].mean() for k in (1, 5, 20)),
                         (np.arange(1, len(places) + 1) / places).mean(), hit.mean()])
    return np.mean(rows, axis=0), len(rows)


def test_retrieval_is_numpys(rng):
    x, y = blobs(700, classes=5)
    images = rng.integers(0, 120, 700)
    y[3] = 77  # alone of its class
    means, asked = retrieval_by_numpy(x, y, images)
    report = evaluate.retrieval(None, (x, y, images))
    # Cosines of float32: of 490,000 a few are closer than 2e-7 and change places. One at an edge moves
    # a precision by 1 / 700, and an average precision less.
    assert report[:4] == pytest.approx(means[:4], abs=2 / 700)
    assert report.chance == pytest.approx(means[4], rel=1e-12)
    assert (report.boxes, report.alone) == (asked, 700 - asked) and report.alone >= 1
    y[5:9] = -1
    assert evaluate.retrieval(None, (x, y, images)).left_out == 4


def test_retrieval_of_images_is_that_of_their_boxes(model, data):
    x, y, images = region_rows(model, data)
    rows, report = evaluate.retrieval(None, (x, y, images)), evaluate.retrieval(model, data, progress=False)
    assert (report.boxes, report.alone, report.classes) == (rows.boxes, rows.alone, rows.classes)
    # A changed last digit swaps neighbours now and then.
    assert report[:5] == pytest.approx(rows[:5], abs=2.5 / report.boxes)
    assert evaluate.retrieval(model, data, images=5, progress=False).images <= 5


# ------------------------------------------------------------------ without labels

def correspondence_by_numpy(model, path, stage, size, grid):
    config = small(**{"views.size": size, "views.augmentation": "simple", "roi.stage": "layer3",
                      "boxes.min_size": 4, "seed": 0})
    errors, near, blind, least, blind_near, images = [], [], [], [], [], 0
    with scrl.Dataset(path) as data:
        for index in range(len(data)):
            pair = scrl.views(data, config, 0, index)
            one, two = model.features(np.stack([pair.view1, pair.view2]), stage)
            channels, h, w = one.shape

            def places(crop, flip):
                j, i = np.meshgrid((np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h)
                x = 1 - j if flip else j
                return np.stack([crop[1] + x * crop[3], crop[0] + i * crop[2]], -1).reshape(-1, 2)

            p1, p2 = places(pair.crop1, pair.flip1), places(pair.crop2, pair.flip2)
            kept = [(2 * n + 1) * h // (2 * min(h, grid)) for n in range(min(h, grid))]
            cells = [r * w + c for r in kept for c in kept]
            y0, x0, height, width = pair.crop2
            inside = [c for c in cells if x0 <= p1[c, 0] < x0 + width and y0 <= p1[c, 1] < y0 + height]
            if not inside:
                continue
            images += 1
            near_to = unit(one.reshape(channels, -1).T[inside]) @ unit(two.reshape(channels, -1).T).T
            step = np.array([width / w, height / h])
            for cell, best in zip(inside, near_to.argmax(1)):
                offsets = np.abs(p2 - p1[cell])
                distances, close = np.linalg.norm(offsets, axis=1), (offsets <= step).all(1)
                errors.append(distances[best])
                near.append(close[best])
                blind.append(distances.mean())
                blind_near.append(close.mean())
                least.append(distances.min())
    return [np.mean(errors), np.median(errors), np.mean(near), np.mean(blind), np.mean(blind_near),
            np.mean(least)], len(errors), images


@pytest.mark.parametrize("stage, size, grid", [("layer3", 128, 16), ("layer1", 64, 5), ("layer4", 96, 3)])
def test_correspondence_is_numpys(model, data, stage, size, grid):
    wanted, cells, images = correspondence_by_numpy(model, data, stage, size, grid)
    report = evaluate.correspondence(model, data, stage=stage, size=size, grid=grid, progress=False)
    assert (report.cells, report.images, report.left_out) == (cells, images, 24 - images)
    # All but the first three follow from geometry alone. A match between cells that are alike to the
    # last digit may fall on either: errors are below 136 pixels.
    assert report[3:6] == pytest.approx(wanted[3:], rel=1e-9)
    assert report[0] == pytest.approx(wanted[0], abs=136 * 2 / cells)
    assert report.within_cell == pytest.approx(wanted[2], abs=2 / cells)
    assert report.least_error < report.mean_error


def test_features_know_their_place_better_than_chance(model, data):
    report = evaluate.correspondence(model, data, stage="layer2", size=96, progress=False)
    assert report.mean_error < 0.8 * report.chance_error
    assert report.within_cell > 2 * report.chance_within
    again = evaluate.correspondence(model, data, stage="layer2", size=96, view_threads=3, progress=False)
    assert again._replace(seconds=0) == report._replace(seconds=0)
    other = evaluate.correspondence(model, data, stage="layer2", size=96, seed=1, progress=False)
    assert other.mean_error != report.mean_error
    harder = evaluate.correspondence(model, data, stage="layer2", size=96, distort=True, progress=False)
    assert harder.cells == report.cells and harder.mean_error != report.mean_error
    assert evaluate.correspondence(model, data, images=3, progress=False).images <= 3


def test_health_is_numpys(rng):
    x = rng.standard_normal((150, 40)).astype(np.float32) @ np.diag(np.linspace(0.1, 2, 40)) + 0.3
    x = x.astype(np.float32)
    y = (x + 0.5 * rng.standard_normal(x.shape)).astype(np.float32)
    report = evaluate.health(None, (x, y))
    rows = np.concatenate([x, y])
    sigma = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
    share = sigma / sigma.sum() + 1e-7  # RankMe's own ε
    assert report.effective_rank == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-4)
    u = unit(rows)
    assert report.deviation == pytest.approx(u.std(0).mean() * np.sqrt(40), rel=1e-6)
    cosines, owner = u @ u.T, np.arange(300) % 150
    assert report.positive_similarity == pytest.approx(np.diag(cosines[:150, 150:]).mean(), rel=1e-6)
    assert report.negative_similarity == pytest.approx(
        cosines[owner[:, None] != owner].mean(), abs=1e-7)
    assert report.collapse is None and (report.pairs, report.features, report.rank_limit) == (150, 40, 40)


@pytest.mark.parametrize("kind, sign", [("constant", "constant"), ("line", "flat"), ("noise", "alike"),
                                        ("alive", None)])
def test_health_names_the_sign(rng, kind, sign):
    x, y = rng.standard_normal((2, 128, 16)).astype(np.float32)
    if kind == "constant":
        x, y = 5 + 0.01 * x, 5 + 0.01 * y
    elif kind == "line":
        x, y = x[:, :1] * np.ones(16, np.float32), x[:, :1] * np.ones(16, np.float32)
    elif kind == "noise":
        y = -x
    else:
        y = x + 0.1 * y
    collapse = evaluate.health(None, (x, y)).collapse
    assert (collapse or "none").split(":")[0] == (sign or "none")
    assert np.isnan(evaluate.health(None, x).positive_similarity)


@pytest.mark.parametrize("rows", ["views", "regions"])
def test_health_of_images(model, data, rows):
    report = evaluate.health(model, data, rows=rows, progress=False)
    assert report.collapse is None and 0 < report.deviation < 1 and report.features == 256
    assert 1 < report.effective_rank < report.rank_limit
    assert report.positive_similarity > report.negative_similarity
    assert report.images + report.left_out == 24 and report.pairs >= report.images
    again = evaluate.health(model, data, rows=rows, view_threads=3, progress=False)
    assert again._replace(seconds=0) == report._replace(seconds=0)


def test_a_dead_backbone_is_called_dead(data):
    with scrl.Model(small(**{"roi.stage": "layer3"})) as dead:
        state = dict(dead.state_dict())
        for name in state:
            if "bn" in name and name.endswith("weight"):
                state[name] = np.zeros_like(state[name])
            if "bn" in name and name.endswith("bias"):
                state[name] = np.ones_like(state[name])
        dead.load_state_dict(state)
        report = evaluate.health(dead, data, rows="views", progress=False)
        assert report.collapse.startswith("constant")
        places = evaluate.correspondence(dead, data, size=96, stage="layer2", progress=False)
        assert places.mean_error > 0.7 * places.chance_error


# ------------------------------------------------------------------ refusals

def test_options_out_of_range(model, data):
    for options in [{"neighbours": 0}, {"temperature": 0}, {"temperature": float("nan")},
                    {"temperature": 1e-9}, {"size": 0}, {"size": 5000}, {"train_images": 0}, {"seed": -1},
                    {"view_threads": 257}, {"neighbours": 2 ** 40}, {"temperature": "hot"}]:
        with pytest.raises(scrl.ArgumentError):
            evaluate.knn(None, blobs(60), **options)
    for judge, bad in [
            (evaluate.regions, [{"stage": "layer9"}, {"size": 0}, {"longest": 9000}, {"epochs": 0},
                                {"base_lr": -1}, {"neighbours": 0}, {"test_images": 0}]),
            (evaluate.retrieval, [{"stage": ""}, {"images": 0}, {"longest": 0}]),
            (evaluate.correspondence, [{"grid": 0}, {"grid": 300}, {"size": 8}, {"stage": "conv1"}]),
            (evaluate.health, [{"rows": "both"}, {"images": 0}, {"size": 9999}])]:
        for options in bad:
            with pytest.raises(scrl.ArgumentError):
                judge(model, data, **options)


def test_data_that_cannot_be_used(model, data, tmp_path):
    x, y = blobs(30)
    bad = x.copy()
    bad[7, 2] = np.nan
    for call in [lambda: evaluate.knn(None, (bad, y)), lambda: evaluate.knn(None, (x, y - 2)),
                 lambda: evaluate.knn(None, (x, y.astype(float))), lambda: evaluate.knn(None, (x,)),
                 lambda: evaluate.knn(None, data), lambda: evaluate.knn(model, (x, y)),
                 lambda: evaluate.knn(model, data, (x, y)),
                 lambda: evaluate.retrieval(None, (x, y)), lambda: evaluate.retrieval(None, (bad, y, y)),
                 lambda: evaluate.retrieval(model, (x, y, y)), lambda: evaluate.health(None, bad),
                 lambda: evaluate.health(None, (x, bad)), lambda: evaluate.regions(None, data)]:
        with pytest.raises(scrl.ArgumentError):
            call()
    for call in [lambda: evaluate.knn(None, (x, y), (x[:, :5], y)),
                 lambda: evaluate.knn(None, (x, y[:-1])), lambda: evaluate.retrieval(None, (x, y, y[1:])),
                 lambda: evaluate.health(None, (x, x[:, 1:])), lambda: evaluate.health(None, x[:1])]:
        with pytest.raises(scrl.ShapeError):
            call()
    for call in [lambda: evaluate.knn(None, (x, 0 * y)), lambda: evaluate.knn(None, (x, 0 * y - 1)),
                 lambda: evaluate.knn(model, data), lambda: evaluate.retrieval(None, (x, y, 0 * y)),
                 lambda: evaluate.retrieval(None, (x, 0 * y - 1, y))]:
        with pytest.raises(scrl.DataError):
            call()


def test_boxes_that_cannot_be_used(model, tmp_path):
    from PIL import Image

    def packed(name, count, boxes):
        folder = tmp_path / name
        folder.mkdir()
        images, annotations = [], []
        for number in range(count):
            rng = np.random.default_rng(number)
            Image.fromarray(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)).save(
                folder / f"{number}.jpg")
            images.append({"id": number, "file_name": f"{number}.jpg", "width": 64, "height": 48})
            annotations += [{"id": len(annotations) + place, "image_id": number, "bbox": box,
                             "category_id": label, "area": box[2] * box[3], "iscrowd": 0}
                            for place, (box, label) in enumerate(boxes)]
        (folder / "a.json").write_text(json.dumps({
            "images": images, "annotations": annotations,
            "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}))
        scrl.pack(folder, tmp_path / f"{name}.h5", annotations=folder / "a.json", progress=False)
        return tmp_path / f"{name}.h5"

    none = packed("none", 6, [])
    one_class = packed("one", 6, [([4, 4, 20, 20], 1)])
    one_image = packed("single", 1, [([4, 4, 20, 20], 1), ([30, 4, 20, 20], 2)])
    for path in (none, one_class, one_image):
        with pytest.raises(scrl.DataError):
            evaluate.regions(model, path, progress=False)
    for path in (none, one_image):
        with pytest.raises(scrl.DataError):
            evaluate.retrieval(model, path, progress=False)
    assert evaluate.retrieval(model, one_class, progress=False).precision5 == 1
    # A box that reaches over the edge is cut there; one beyond it is left out and counted.
    edges = packed("edges", 10, [([40, 30, 60, 60], 1), ([2, 2, 30, 20], 2)])
    report = evaluate.regions(model, edges, epochs=2, progress=False)
    assert report.train_boxes + report.test_boxes == 20 and report.left_out == 0


def test_features_that_are_not_finite_are_told(data):
    with scrl.Model(small(**{"roi.stage": "layer3"})) as broken:
        state = broken.state_dict()
        for block in (0, 1):  # the second adds its own to the first one's: more than float32 holds
            name = f"online.encoder.layer3.{block}.bn2.bias"
            state[name] = np.full_like(state[name], 3e38)
        # Nothing may come to NaN on the way: a fused ReLU would make 0 of it.
        name = "online.encoder.layer3.1.conv1.weight"
        state[name] = np.zeros_like(state[name])
        broken.load_state_dict(state)
        for judge in (evaluate.regions, evaluate.retrieval, evaluate.correspondence, evaluate.health):
            with pytest.raises(scrl.DivergedError):
                judge(broken, data, progress=False)


def test_all_can_be_stopped(model, data):
    for judge in (evaluate.regions, evaluate.retrieval, evaluate.correspondence, evaluate.health):
        with pytest.raises(scrl.CancelledError):
            judge(model, data, progress=False, callback=lambda done, total: done >= 1)
    with pytest.raises(scrl.CancelledError):
        evaluate.knn(None, blobs(600), callback=lambda done, total: True)

    def fail(*_):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        evaluate.health(model, data, progress=False, callback=fail)


def test_ctrl_c_stops_it(model, data):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    last = time.monotonic() + 60
    try:
        with pytest.raises(KeyboardInterrupt):
            evaluate.regions(model, data, epochs=100_000, progress=False,
                             callback=lambda *_: time.monotonic() > last)
    finally:
        signal.signal(signal.SIGINT, before)


# ------------------------------------------------------------------ shell and training

def test_shell(model, data, tmp_path):
    checkpoint = tmp_path / "m.h5"
    model.save(checkpoint)

    def command(name, *arguments):
        return python("-m", "scrl", "eval", name, "--checkpoint", str(checkpoint),
                      *map(str, arguments))

    wanted = {"regions": ("--train", "linear layer", "knn"), "retrieval": ("--data", "mAP", "precision5"),
              "correspondence": ("--data", "within one cell", "median_error"),
              "health": ("--data", "no sign of collapse", "effective_rank")}
    for name, (option, words, key) in wanted.items():
        done = command(name, option, data, "--json")
        assert done.returncode == 0, done.stderr
        assert isinstance(json.loads(done.stdout.splitlines()[-1])[key], float)
        assert words in command(name, option, data).stdout
        done = command(name, option, tmp_path / "none.h5")
        assert done.returncode == 1 and done.stderr.startswith("scrl: ") and done.stderr.count("\n") == 1
    done = command("knn", "--train", data)  # scenes have boxes, but no class of their own
    assert done.returncode == 1 and "label" in done.stderr
    assert command("health", "--data", data, "--rows", "no").returncode == 2


def test_training_looks_for_collapse(data, tmp_path):
    with scrl.Trainer(small(**{"health.every": 2}), data, tmp_path / "run") as trainer:
        reports = []
        trainer.fit(reports.append, progress=False, steps=4)
    assert [np.isnan(each.deviation) for each in reports] == [True, False, True, False]
    assert all(each.collapse is None for each in reports)
    lines = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [("effective_rank" in line) for line in lines] == [False, True, False, True]
    assert lines[1]["collapse"] is None and lines[1]["deviation"] == reports[1].deviation


def test_collapse_in_training_is_told(data, tmp_path):
    notes = []
    scrl.set_log(notes.append)
    try:
        with scrl.Trainer(small(**{"health.every": 1}), data, tmp_path / "run") as trainer:
            state = {name: np.zeros_like(array) for name, array in trainer.state_dict().items()
                     if name.startswith("online.encoder.bn1.")}
            trainer.load_state_dict(state, strict=False)
            report = trainer.step()
    finally:
        scrl.set_log(None)
    assert report.collapse.startswith("constant") and report.deviation < 0.02
    assert any("sign of collapse" in note for note in notes)
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])
    assert line["collapse"] == report.collapse


def test_a_rate_far_too_high_is_told(data):
    """Five hundred times the rate, without a moving average: projections fall flat."""
    settings = {"train.batch": 16, "head.output": 64, "head.hidden": 256, "roi.stage": "layer3",
                "train.steps": 30, "health.every": 10}
    for more, signs in [({}, {None}), ({"optimizer.base_lr": 1000.0, "ema.momentum": 0.0}, {"flat"})]:
        looked = []
        with scrl.Trainer(small(**settings, **more), data) as trainer:
            trainer.fit(lambda step: None if np.isnan(step.deviation) else looked.append(step),
                        progress=False)
        assert {each.collapse and each.collapse.split(":")[0] for each in looked[1:]} == signs, looked
