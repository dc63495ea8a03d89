"""The quick judges of a backbone: k-NN, labelled regions, retrieval, correspondence, health.

Each looks at the images once; their names are those of scrl.evaluate. What they share:

model     a Model, or a path that Model.load() reads.
progress  rate and time left on stderr. callback hears (done, total) images; a true answer stops with
          CancelledError.
seed      of what is drawn. The same seed gives the same report, seconds aside.

Classes of two datasets are matched by name; by COCO category id where one has no names and both have
ids; by number where there is neither. Of names left over, those that differ only in case or white space
are one. What one side lacks is in the report and in the log (set_log); datasets whose names have none
in common are a DataError. Features come with numbers, which are compared as they are.
"""

from ctypes import byref
from typing import Any, Callable, List, NamedTuple, Optional

from . import _abi, progress as bars
from ._abi import lib
from .errors import ArgumentError
from .evaluating import matched, numbers, one_or_more, opened, pair, positive, run

Callback = Optional[Callable[[int, int], Any]]
ROWS = {None: 0, "views": 1, "regions": 2}


class KNNReport(NamedTuple):
    """What k-NN evaluation found. Accuracies are shares of the test images."""

    accuracy: float
    top5: float        # the class is among the five with the most votes
    chance: float      # of always naming the train images' most frequent class
    classes: int       # distinct classes of the train images
    neighbours: int    # as used
    train_images: int
    test_images: int
    left_out: int      # images of both without a label, or that cannot be read
    unseen: int        # test images of a class that train lacks: counted as wrong
    seconds: float
    matched_by: Optional[str]   # classes of train and test by "names", "ids" or "numbers"; None: one file
    unknown_classes: List[str]  # of test, that train lacks
    absent_classes: List[str]   # of train, that test lacks


class RegionReport(NamedTuple):
    """What region evaluation found. Accuracies are shares of the test boxes."""

    linear: float      # of one linear layer, after its last epoch
    linear_top5: float
    knn: float         # of the vote of the closest train boxes
    knn_top5: float
    chance: float      # of always naming the train boxes' most frequent class
    classes: int
    train_boxes: int
    test_boxes: int
    train_images: int
    test_images: int
    left_out: int      # boxes without a label, crowds, empty, of images that cannot be read
    unseen: int        # test boxes of a class that train lacks: counted as wrong
    neighbours: int    # as used
    batch: int         # as used
    base_lr: float     # as used
    seconds: float
    matched_by: Optional[str]   # classes of train and test by "names", "ids" or "numbers"; None: one file
    unknown_classes: List[str]  # of test, that train lacks
    absent_classes: List[str]   # of train, that test lacks


class RetrievalReport(NamedTuple):
    """Means over the boxes that have another of their class in another image."""

    precision1: float  # share of the box's class among the closest box,
    precision5: float  # the 5 closest,
    precision20: float  # the 20 closest
    mean_average_precision: float
    chance: float      # share of the box's class among all boxes of other images
    boxes: int         # asked
    alone: int         # boxes without another of their class elsewhere
    images: int
    classes: int
    left_out: int
    seconds: float


class CorrespondenceReport(NamedTuple):
    """Errors in pixels of the stored images."""

    mean_error: float
    median_error: float
    within_cell: float    # share of matches at most a cell away, along both axes
    chance_error: float   # mean, of any cell taken blindly
    chance_within: float
    least_error: float    # mean, of the nearest cell: the grid's own
    cells: int            # asked
    images: int
    left_out: int         # images that cannot be read, or whose views share no cell
    seconds: float


class HealthReport(NamedTuple):
    """Whether features are alive, by numbers that need no labels."""

    collapse: Optional[str]  # the sign that was seen; None: none
    deviation: float         # 1: unit vectors point everywhere alike, 0: all are the same
    effective_rank: float    # RankMe; NaN where OpenBLAS has no LAPACK
    rank_limit: int          # that the rank can reach
    positive_similarity: float  # mean cosine of matched rows; NaN without
    negative_similarity: float  # of rows of different images
    pairs: int
    features: int
    images: int
    left_out: int
    seconds: float


def _listen(call: Callable[[], int], options: Any, what: str, unit: str, progress: bool,
            callback: Callback) -> None:
    def begin(hear: Any) -> int:
        options.progress = _abi.header.scrl_evaluate_fn(hear)
        return call()

    with bars.counter(what, unit, progress) as show:
        run(begin, show, callback, what)


def _limit(value: Any, what: str, operation: str) -> int:
    return 0 if value is None else one_or_more(value, what, operation)


def _stage(stage: Optional[str]) -> Optional[bytes]:
    return None if stage is None else _abi.text_bytes(stage, "stage")


def knn(model: Any, train: Any, test: Any = None, *, neighbours: int = 200,
        temperature: float = 0.07, size: Optional[int] = None,
        train_images: Optional[int] = None, test_images: Optional[int] = None, seed: int = 0,
        progress: bool = True, view_threads: Optional[int] = None,
        callback: Callback = None) -> KNNReport:
    """k-NN evaluation: the class of each test image by the vote of the train images closest to it.

    Votes weigh exp(cosine / temperature) (Wu et al. 2018); centre crops; nothing is learnt.

    model   None when train and test are features.
    train   a Dataset, a path, or a pair of features (N,F) and labels (N), −1: left out.
    test    the same kind; None: a fifth of train is held out, class by class, by the seed. Its classes
            are those of train by name.
    size    side of the centre crop in pixels; None: the model's views.size.
    train_images, test_images  at most so many labelled ones, drawn by the seed; None: all.
    Raises DataError (no labels, one class, no class in common), ArgumentError, ShapeError,
    DivergedError, CancelledError; KeyboardInterrupt after Ctrl-C.
    """
    options = _abi.header.scrl_knn_options(
        neighbours=one_or_more(neighbours, "neighbours", "knn"),
        temperature=positive(temperature, "temperature", "knn"),
        size=_limit(size, "size", "knn"), seed=_abi.count_of(seed, "seed"),
        train_images=_limit(train_images, "train_images", "knn"),
        test_images=_limit(test_images, "test_images", "knn"),
        view_threads=_limit(view_threads, "view_threads", "knn"))
    has_features = isinstance(train, (tuple, list))
    if test is not None and isinstance(test, (tuple, list)) != has_features:
        raise ArgumentError("knn: train and test are of different kinds, expected two datasets or "
                            "two pairs (features, labels)")
    raw = _abi.header.scrl_knn_report()
    if has_features:
        if model is not None:
            raise ArgumentError("knn: got a model and features, expected None and features")
        x, y, _keep = pair(train, "knn: train")
        xt, yt, _keep_test = (None, None, None) if test is None else pair(test, "knn: test")

        def on_features() -> int:
            return lib.scrl_evaluate_knn_on(
                byref(x), y.ctypes.data_as(_abi.ints), None if xt is None else byref(xt),
                None if yt is None else yt.ctypes.data_as(_abi.ints), byref(options), byref(raw))

        _listen(on_features, options, "knn", "rows", progress, callback)
    else:
        with opened("knn", model, train, test) as (loaded, learnt, tested):
            def on_images() -> int:
                return lib.scrl_evaluate_knn(
                    loaded._handle, learnt._handle, None if tested is None else tested._handle,
                    byref(options), byref(raw))

            _listen(on_images, options, "knn", "images", progress, callback)
    return KNNReport(
        raw.accuracy, raw.top5, raw.chance, raw.classes, raw.neighbours, raw.train_images,
        raw.test_images, raw.left_out, raw.unseen, raw.seconds, *matched(raw))


def regions(model: Any, train: Any, test: Any = None, *, neighbours: int = 20, epochs: int = 80,
            batch: Optional[int] = None, base_lr: Optional[float] = None,
            stage: Optional[str] = None, size: Optional[int] = None, longest: int = 1333,
            train_images: Optional[int] = None, test_images: Optional[int] = None, seed: int = 0,
            progress: bool = True, view_threads: Optional[int] = None,
            callback: Callback = None) -> RegionReport:
    """Names ground-truth boxes by one linear layer, and by k-NN, on one RoIAligned vector a box.

    The frozen backbone sees whole pictures at their own aspect, once. The layer learns as in linear();
    boxes without a label and crowds take no part.

    train   a Dataset or a path, with labelled boxes of two classes or more.
    test    the same; None: a fifth of train's images is held out, by the seed. Its classes are those
            of train by name.
    stage   "layer1" … "layer4"; None: the model's roi.stage.
    size    pixels of a picture's shorter side; None: as it is stored.
    longest pixels of its longer side at most.
    train_images, test_images  at most so many with boxes, drawn by the seed; None: all. 200 train
            images ask what few labels are enough for.
    Raises as knn().
    """
    options = _abi.header.scrl_region_options(
        neighbours=one_or_more(neighbours, "neighbours", "regions"), stage=_stage(stage),
        size=_limit(size, "size", "regions"), longest=one_or_more(longest, "longest", "regions"),
        train_images=_limit(train_images, "train_images", "regions"),
        test_images=_limit(test_images, "test_images", "regions"),
        epochs=one_or_more(epochs, "epochs", "regions"),
        view_threads=_limit(view_threads, "view_threads", "regions"),
        batch=_limit(batch, "batch", "regions"),
        base_lr=0 if base_lr is None else positive(base_lr, "base_lr", "regions"),
        seed=_abi.count_of(seed, "seed"))
    raw = _abi.header.scrl_region_report()
    with opened("regions", model, train, test) as (loaded, learnt, tested):
        def call() -> int:
            return lib.scrl_evaluate_regions(
                loaded._handle, learnt._handle, None if tested is None else tested._handle,
                byref(options), byref(raw))

        _listen(call, options, "regions", "images", progress, callback)
    return RegionReport(
        raw.linear_accuracy, raw.linear_top5, raw.knn_accuracy, raw.knn_top5, raw.chance,
        raw.classes, raw.train_boxes, raw.test_boxes, raw.train_images, raw.test_images,
        raw.left_out, raw.unseen, raw.neighbours, raw.batch, raw.base_lr, raw.seconds,
        *matched(raw))


def retrieval(model: Any, data: Any, *, stage: Optional[str] = None, size: Optional[int] = None,
              longest: int = 1333, images: Optional[int] = None, seed: int = 0,
              progress: bool = True, view_threads: Optional[int] = None,
              callback: Callback = None) -> RetrievalReport:
    """How many of the boxes closest to a labelled box, in other images, have its class.

    model   None when data are features.
    data    a Dataset or a path with labelled boxes; or features (K,F), labels (K), −1: left out, and
            images (K): rows of one image do not answer each other.
    images  at most so many images with boxes, drawn by the seed; None: all.
    stage, size, longest  as in regions().
    Raises as knn(); DataError also when no box has another of its class in another image.
    """
    options = _abi.header.scrl_region_options(
        stage=_stage(stage), size=_limit(size, "size", "retrieval"),
        longest=one_or_more(longest, "longest", "retrieval"),
        test_images=_limit(images, "images", "retrieval"), seed=_abi.count_of(seed, "seed"),
        view_threads=_limit(view_threads, "view_threads", "retrieval"))
    raw = _abi.header.scrl_retrieval_report()
    if isinstance(data, (tuple, list)):
        if model is not None:
            raise ArgumentError("retrieval: got a model and features, expected None and features")
        if len(data) != 3:
            raise ArgumentError(
                f"retrieval: got {len(data)} parts, expected (features, labels, images)")
        x, y, keep = pair(data[:2], "retrieval:")
        owners = numbers(data[2], len(keep), "retrieval: images", -2 ** 31)

        def on_features() -> int:
            return lib.scrl_evaluate_retrieval_on(
                byref(x), y.ctypes.data_as(_abi.ints), owners.ctypes.data_as(_abi.ints),
                byref(options), byref(raw))

        _listen(on_features, options, "retrieval", "rows", progress, callback)
    else:
        with opened("retrieval", model, data) as (loaded, judged):
            def on_images() -> int:
                return lib.scrl_evaluate_retrieval(
                    loaded._handle, judged._handle, byref(options), byref(raw))

            _listen(on_images, options, "retrieval", "images", progress, callback)
    return RetrievalReport(
        raw.precision1, raw.precision5, raw.precision20, raw.mean_average_precision, raw.chance,
        raw.boxes, raw.alone, raw.images, raw.classes, raw.left_out, raw.seconds)


def correspondence(model: Any, data: Any, *, stage: Optional[str] = None,
                   size: Optional[int] = None, grid: int = 16, distort: bool = False,
                   images: int = 500, seed: int = 0, progress: bool = True,
                   view_threads: Optional[int] = None, callback: Callback = None
                   ) -> CorrespondenceReport:
    """Whether a place of one crop finds itself in another crop of the same image; needs no labels.

    For each cell of view 1 whose centre view 2 shows, the cell of view 2 with the largest cosine is
    taken; the error is the distance of their centres in the image.

    data    a Dataset or a path.
    stage   None: the stage that training shapes.
    size    side of a view in pixels; None: the model's views.size.
    grid    cells asked along a side at most, evenly spaced.
    distort colours and blur change too.
    images  at most so many, drawn by the seed.
    Raises DataError (no views that share a cell), ArgumentError, DivergedError, CancelledError;
    KeyboardInterrupt after Ctrl-C.
    """
    options = _abi.header.scrl_pair_options(
        stage=_stage(stage), size=_limit(size, "size", "correspondence"),
        grid=one_or_more(grid, "grid", "correspondence"), distort=int(bool(distort)),
        images=one_or_more(images, "images", "correspondence"), seed=_abi.count_of(seed, "seed"),
        view_threads=_limit(view_threads, "view_threads", "correspondence"))
    raw = _abi.header.scrl_correspondence_report()
    with opened("correspondence", model, data) as (loaded, judged):
        def call() -> int:
            return lib.scrl_evaluate_correspondence(
                loaded._handle, judged._handle, byref(options), byref(raw))

        _listen(call, options, "correspondence", "images", progress, callback)
    return CorrespondenceReport(
        raw.mean_error, raw.median_error, raw.within_cell, raw.chance_error, raw.chance_within,
        raw.least_error, raw.cells, raw.images, raw.left_out, raw.seconds)


def health(model: Any, data: Any, *, rows: Optional[str] = None, stage: Optional[str] = None,
           size: Optional[int] = None, images: int = 500, seed: int = 0, progress: bool = True,
           view_threads: Optional[int] = None, callback: Callback = None) -> HealthReport:
    """Whether features are alive: do they vary, along how many directions, and are two views of one
    thing more alike than different things? Needs no labels; tells a dead network, not a good one.

    model   None when data are features.
    data    a Dataset or a path; or features (N,F); or a pair of them, (N,F) each, of two views.
    rows    "views" or "regions" (matched ones); None: regions for a model of SCRL, else views.
    stage, size, images  as in correspondence().
    Raises as correspondence(), ShapeError.
    """
    if rows not in ROWS:
        raise ArgumentError(f"health: rows is {rows!r}, expected 'views' or 'regions'")
    options = _abi.header.scrl_pair_options(
        rows=ROWS[rows], stage=_stage(stage), size=_limit(size, "size", "health"),
        images=one_or_more(images, "images", "health"), seed=_abi.count_of(seed, "seed"),
        view_threads=_limit(view_threads, "view_threads", "health"))
    raw = _abi.header.scrl_health_report()
    if model is None:
        parts = data if isinstance(data, (tuple, list)) and len(data) == 2 else (data, None)
        x, _keep = _abi.borrow(parts[0], 2, "health: features")
        partners, _keep_too = (
            (None, None) if parts[1] is None else _abi.borrow(parts[1], 2, "health: partners"))
        _abi.check(lib.scrl_evaluate_health_on(
            byref(x), None if partners is None else byref(partners), byref(raw)))
    else:
        with opened("health", model, data) as (loaded, judged):
            def call() -> int:
                return lib.scrl_evaluate_health(
                    loaded._handle, judged._handle, byref(options), byref(raw))

            _listen(call, options, "health", "images", progress, callback)
    return HealthReport(
        None if raw.collapse is None else raw.collapse.decode(), raw.deviation,
        raw.effective_rank, raw.rank_limit, raw.positive_similarity, raw.negative_similarity,
        raw.pairs, raw.features, raw.images, raw.left_out, raw.seconds)
