// Labelled boxes → RoIAligned features of the frozen backbone, which sees whole pictures at their
// own aspect; boxes are scaled along.
// Letters: n images, K boxes, F features, h×w a picture as the backbone sees it.

import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlPretraining
import ScrlStore
import ScrlTensor

extension AnnotatedBox {
  /// Whether a judge of labels has use for it.
  fileprivate var isJudged: Bool { label >= 0 && !isCrowd }

  /// In the picture as the backbone sees it, cut at its edges; nil: nothing is left.
  fileprivate func placed(by fit: Fit) -> RegionBox? {
    let box = fit.place(PixelBox(x0: x0, y0: y0, x1: x1, y1: y1))
    guard box.x0 < box.x1, box.y0 < box.y1 else { return nil }
    return RegionBox(image: 0, x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1)
  }
}

struct RegionFeatures {
  let rows: Tensor  // (K,F), boxes of the first image first
  let labels: [Int]  // (K)
  let images: [Int]  // (K) in the dataset
  let leftOut: Int  // boxes without a label, crowds, empty ones, those of unreadable images

  /// Images of a dataset that have a box to judge.
  static func candidates(_ dataset: DatasetReader) -> [Int] {
    (0..<dataset.count).filter { dataset.boxes(of: $0).contains(where: \.isJudged) }
  }

  init(
    _ backbone: Backbone, _ dataset: DatasetReader, _ samples: [Int], _ options: RegionOptions,
    _ operation: String, workers: Workers, advance: (Int) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    var drafts: [Picture] = []
    var leftOut = 0
    for sample in samples {
      let known = dataset.boxes(of: sample)
      let picture = Picture(sample, dataset.size(of: sample), known, options)
      leftOut += known.count - picture.boxes.count
      drafts.append(picture)
    }
    let width = backbone.channels(of: options.stage ?? backbone.config.roiStage)
    let made = try Tensor(
      uninitialized: [drafts.reduce(0) { $0 + $1.boxes.count }, width])
    var firstRow: [Int] = []  // of each picture
    var count = 0
    for picture in drafts {
      firstRow.append(count)
      count += picture.boxes.count
    }
    let team = try ImageTeam(
      dataset, threads: min(options.viewThreads ?? workers.count, Picture.most),
      operation: operation
    ) { () throws(ScrlError) in PictureFitter() }
    var isGood = [Bool](repeating: false, count: drafts.count)
    for group in Picture.groups(drafts) {
      let (pictures, good) = try Picture.read(group.map { drafts[$0] }, team)
      var boxes: [RegionBox] = []
      for (place, member) in good.enumerated() {
        isGood[group[member]] = true
        boxes += drafts[group[member]].boxes.map { $0.moved(to: place) }
      }
      if !boxes.isEmpty {
        let pooled = try backbone.embedRegions(pictures, boxes: boxes, stage: options.stage)
        var row = 0
        for member in good {
          let length = drafts[group[member]].boxes.count
          (made.pointer + firstRow[group[member]] * width).update(
            from: pooled.pointer + row * width, count: length * width)
          row += length
        }
      }
      try advance(group.count)
    }
    let kept = drafts.indices.filter { isGood[$0] }
    let keptRows = kept.flatMap { firstRow[$0]..<firstRow[$0] + drafts[$0].boxes.count }
    rows = try made.keeping(keptRows)
    labels = kept.flatMap { drafts[$0].labels }
    images = kept.flatMap { place in drafts[place].boxes.map { _ in drafts[place].sample } }
    self.leftOut = leftOut + count - keptRows.count
    guard rows.buffer.allSatisfy(\.isFinite) else {
      throw ScrlError(
        .diverged, "\(operation): the backbone's features are not finite · expected numbers")
    }
  }
}

/// One image with its boxes, as the backbone will see it.
private struct Picture {
  static let most = 16  // images of a group
  private static let pixels = 1 << 20  // of a group, unless one image alone has more

  let sample: Int
  let fit: Fit
  let boxes: [RegionBox]
  let labels: [Int]
  var size: (height: Int, width: Int) { (fit.height, fit.width) }

  init(
    _ sample: Int, _ stored: (height: Int, width: Int), _ known: [AnnotatedBox],
    _ options: RegionOptions
  ) {
    let fit = Fit(
      height: stored.height, width: stored.width, shortest: options.size, longest: options.longest)
    var (boxes, labels): ([RegionBox], [Int]) = ([], [])
    for box in known where box.isJudged {
      guard let fitted = box.placed(by: fit) else { continue }
      boxes.append(fitted)
      labels.append(Int(box.label))
    }
    (self.sample, self.fit) = (sample, fit)
    (self.boxes, self.labels) = (boxes, labels)
  }

  /// Places of pictures of one size, so many that they fill a pass and no more memory.
  static func groups(_ pictures: [Picture]) -> [[Int]] {
    let order = pictures.indices.sorted {
      let (a, b) = (pictures[$0].size, pictures[$1].size)
      return (a.height, a.width, $0) < (b.height, b.width, $1)
    }
    var groups: [[Int]] = []
    for place in order {
      let size = pictures[place].size
      if let last = groups.last, let first = last.first, pictures[first].size == size,
        last.count < min(most, max(1, pixels / (size.height * size.width)))
      {
        groups[groups.count - 1].append(place)
      } else {
        groups.append([place])
      }
    }
    return groups
  }

  /// (n,3,h,w) of those of one size that could be read, and their places.
  static func read(
    _ pictures: [Picture], _ team: ImageTeam<PictureFitter>
  ) throws(ScrlError) -> (pixels: Tensor, places: [Int]) {
    let size = pictures[0].size
    let pixels = try Tensor(uninitialized: [pictures.count, 3, size.height, size.width])
    let length = 3 * size.height * size.width
    let good = team.forEach(pictures.map(\.sample)) { fitter, image, place throws(ScrlError) in
      try fitter.write(
        image, pictures[place].fit, .bicubic, rowStride: size.width,
        planeStride: size.height * size.width, into: pixels.pointer + place * length)
    }
    return (try pixels.keeping(good), good)
  }
}
