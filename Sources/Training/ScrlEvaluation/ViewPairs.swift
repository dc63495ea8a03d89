// Both views of some images, as the method makes them, with the geometry that tells where each lies.
// Letters: n images, S view size.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor

final class ViewPairs {
  let size: Int  // S
  private let team: ImageTeam<ViewMaker>
  var unreadable: Set<Int> { team.unreadable }

  /// - Parameters:
  ///   - distorts: whether colours and blur change too, or only crop and mirroring.
  ///   - boxes: matched boxes of an image; 0: none.
  init(
    _ config: Config, _ dataset: DatasetReader, _ reading: ImageReading, distorts: Bool,
    boxes: Int, workers: Workers
  ) throws(ScrlError) {
    var views = config.viewOptions
    views.size = reading.size ?? config.viewSize
    // Two crops that were the same would make every question trivial.
    views.augmentation = distorts ? .simclr : .simple
    var sampling = config.boxOptions
    sampling.perImage = boxes
    sampling.minSize = max(1, min(sampling.minSize, views.size / 4))
    let (options, boxOptions) = (views, sampling)
    size = views.size
    team = try ImageTeam(
      dataset, threads: min(reading.threads ?? workers.count, ImageFeatures.chunk),
      operation: reading.operation
    ) { () throws(ScrlError) in
      ViewMaker(options: options, boxes: boxOptions, seed: reading.seed)
    }
  }

  /// Views (2n,3,S,S), view 1 of every image that could be read, then view 2; geometry of each.
  func make(
    _ samples: [Int]
  ) throws(ScrlError) -> (views: Tensor, geometry: [ViewPairGeometry], samples: [Int]) {
    let views = try Tensor(uninitialized: [2 * samples.count, 3, size, size])
    let length = 3 * size * size
    var made = [ViewPairGeometry?](repeating: nil, count: samples.count)
    let good = made.withUnsafeMutableBufferPointer { made in
      nonisolated(unsafe) let made = made
      return team.forEach(samples) { maker, image, place throws(ScrlError) in
        made[place] = try maker.make(
          image, epoch: 0, sample: samples[place], pixelLayout: .planar,
          into: views.pointer + place * length,
          views.pointer + (samples.count + place) * length)
      }
    }
    return (
      try views.keeping(good + good.map { samples.count + $0 }), good.compactMap { made[$0] },
      good.map { samples[$0] }
    )
  }
}

/// What judges without labels can be told about the pairs they look at.
package struct PairOptions: Equatable, Sendable {
  package static let standardImages = 500

  package var stage: Stage?  // whose features; nil: the stage that training shapes
  package var size: Int?  // side of a view in pixels; nil: the model's
  package var images = PairOptions.standardImages  // at most so many, drawn by the seed
  package var seed: UInt64 = 0
  package var viewThreads: Int?  // nil: as many as compute

  package init() {}

  func check(_ operation: String) throws(ScrlError) {
    func expect(_ isGood: Bool, _ what: String) throws(ScrlError) {
      guard isGood else { throw ScrlError(.argument, "\(operation): got " + what) }
    }
    if let size {
      try expect((16...ViewOptions.maxSize).contains(size), "size \(size) · expected 16…4096")
    }
    try expect(images >= 1, "\(images) images · expected 1 or more")
    if let viewThreads {
      try expect((1...256).contains(viewThreads), "\(viewThreads) view threads · expected 1…256")
    }
  }

  func reading(_ operation: String) -> ImageReading {
    ImageReading(operation: operation, size: size, seed: seed, threads: viewThreads)
  }
}
