// A detector of few channels on made pictures: enough cells for every level, quick on a CPU.

import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlDetection

struct Scene {
  let images: Tensor  // (N,3,64,64)
  let sizes: [(height: Int, width: Int)]
  let targets: [ImageTargets]
}

/// Anchors, regions and masks small enough for pictures of 64 pixels; nothing is left to chance.
func tinyOptions() -> DetectionOptions {
  var options = DetectionOptions()
  options.architecture = .resnet18
  options.pyramidWidth = 16
  options.boxHeadWidth = 24
  options.maskHeadWidth = 16
  options.maskHeadDepth = 2
  options.anchorSizes = [8, 16, 32, 48, 64]
  options.canonicalBox = 48
  options.anchorsPerImage = 2048
  options.regionsPerImage = 10_000
  return options
}

/// - Parameter isHashed: weights as Tests/Reference/Hashed.swift makes them, statistics included.
func tinyDetector(
  _ options: DetectionOptions, classes: Int = 3, isHashed: Bool = false,
  _ engine: any Engine
) throws -> DetectionNetwork {
  var source = WeightSource(engine: engine, seed: 5)
  let network = try DetectionNetwork(options, classes: classes, &source)
  guard isHashed else { return network }
  for entry in network.contents.state {
    let shape = entry.tensor.plainShape
    let (centre, spread) = recipe(entry.name, shape)
    try entry.tensor.assign(
      plain: try hashed(entry.name, shape, centre: centre, spread: spread))
  }
  return network
}

func whole(_ mask: (Int, Int) -> Bool, height: Int, width: Int) throws -> RunLengths {
  let picture = (0..<height * width).map { UInt8(mask($0 / width, $0 % width) ? 1 : 0) }
  return try picture.withUnsafeBufferPointer { pixels throws(ScrlError) in
    try RunLengths(mask: pixels, height: height, width: width)
  }
}

/// Two pictures: a square of class 0 and a disc of class 1, each of its own colour, on noise; the
/// second is 60×52 in its padding.
func shapesScene() throws -> Scene {
  let sizes = [(height: 64, width: 64), (height: 60, width: 52)]
  let places = [[(10, 8, 40, 36), (34, 36, 58, 60)], [(4, 24, 28, 48), (20, 4, 56, 34)]]
  let noise = numbers(2 * 3 * 64 * 64, tag: 9)
  let images = try Tensor(zeros: [2, 3, 64, 64])
  var targets: [ImageTargets] = []
  for (image, size) in sizes.enumerated() {
    var (boxes, masks): ([PixelBox], [RunLengths?]) = ([], [])
    for i in 0..<3 * 64 * 64 {
      let (y, x) = (i / 64 % 64, i % 64)
      guard y < size.height, x < size.width else { continue }
      images.pointer[image * 3 * 64 * 64 + i] = 0.2 * noise[image * 3 * 64 * 64 + i]
    }
    for (label, (x0, y0, x1, y1)) in places[image].enumerated() {
      func covers(_ y: Int, _ x: Int) -> Bool {
        guard (y0..<y1).contains(y), (x0..<x1).contains(x) else { return false }
        let u = (Double(x) + 0.5 - Double(x0)) / Double(x1 - x0) * 2 - 1
        let v = (Double(y) + 0.5 - Double(y0)) / Double(y1 - y0) * 2 - 1
        return label == 0 || u * u + v * v < 1
      }
      for i in 0..<64 * 64 where covers(i / 64, i % 64) {
        for channel in 0..<3 {
          images.pointer[(image * 3 + channel) * 64 * 64 + i] += channel == label ? 2 : -0.5
        }
      }
      boxes.append(
        PixelBox(x0: Float(x0), y0: Float(y0), x1: Float(x1), y1: Float(y1)))
      masks.append(try whole(covers, height: size.height, width: size.width))
    }
    targets.append(ImageTargets(boxes: boxes, labels: [0, 1], masks: masks))
  }
  return Scene(images: images, sizes: sizes, targets: targets)
}
