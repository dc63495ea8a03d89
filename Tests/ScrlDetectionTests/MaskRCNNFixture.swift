// What Tests/Fixtures/make_mask_rcnn.py computed, and the network and pictures that it did so with:
// weights and pixels are made from their names on both sides.

import Foundation
import ScrlAutograd
import ScrlBase
import ScrlImage
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlDetection

/// Some elements of a tensor, its norm and eight sums of all elements with hashed signs, in float64,
/// with tolerances: the script says whence.
struct TensorSample: Decodable {
  let name: String
  let count: Int
  let norm: Double
  let normTolerance: Double
  let tolerance: Double
  let values: [Double]
  let projectionTolerance: Double
  let projections: [Double]

  func expect(_ got: [Float], sourceLocation: SourceLocation = #_sourceLocation) {
    guard got.count == count else {
      Issue.record(
        "\(name): got \(got.count) elements · expected \(count)", sourceLocation: sourceLocation)
      return
    }
    let norm = got.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    if !((norm - self.norm).magnitude <= normTolerance) {
      Issue.record(
        """
        \(name): got a norm of \(norm) · expected \(self.norm) \
        (\((norm - self.norm).magnitude / normTolerance) times the tolerance)
        """, sourceLocation: sourceLocation)
    }
    let few = values.indices.map { i in
      values.count == count ? got[i] : got[Int(hashWord(i, fnv1a(name))) % count]
    }
    expectClose(few, values, absolute: tolerance, name, sourceLocation: sourceLocation)
    expectClose(
      projected(got), projections, absolute: projectionTolerance, "\(name), projected",
      sourceLocation: sourceLocation)
  }

  private func projected(_ got: [Float]) -> [Float] {
    let hash = fnv1a(name)
    var sums = [Double](repeating: 0, count: projections.count)
    for i in got.indices {
      let (word, value) = (hashWord(i, hash), Double(got[i]))
      for j in sums.indices { sums[j] += word >> UInt32(24 + j) & 1 == 1 ? value : -value }
    }
    return sums.map { Float($0) }
  }
}

struct TrainingFixture: Decodable {
  struct Image: Decodable {
    let positiveAnchors: [Int]  // of all levels' anchors, P2 first
    let matchOfAnchor: [Int]
    let negativeAnchors: Int
    let proposals: [[Double]]
    let classOfRegion: [Int]  // of proposals, then of ground truths; 3: background
    let matchOfRegion: [Int]
    let levelOfRegion: [Int]
  }

  let losses: [TensorSample]
  let gradients: [TensorSample]
  let maps: [TensorSample]
  let images: [Image]
  let proposalTolerance: Double
  let maskTargets: [String]  // run lengths of 28×28
  let state: [TensorSample]?
}

struct DetectionFixture: Decodable {
  let labels: [Int]
  let outputs: [TensorSample]
  let surely: [String]
  let atMost: [String]
}

struct MaskScene: Decodable {
  struct Picture: Decodable {
    let height: Int
    let width: Int
    let boxes: [[Float]]
    let labels: [Int]
    let masks: [String]
  }

  let salt: String
  let original: [Int]  // height, width
  let pictures: [Picture]

  static let side = 128

  /// (N,3,H,W), padded with zeros.
  func images() throws -> Tensor {
    let all = try Tensor(zeros: [pictures.count, 3, MaskScene.side, MaskScene.side])
    for (n, picture) in pictures.enumerated() {
      let (height, width) = (picture.height, picture.width)
      let plain = try hashed("\(salt)/image\(n)", [3, height, width], spread: 1.7)
      for row in 0..<3 * height {
        let (channel, y) = row.quotientAndRemainder(dividingBy: height)
        let to = all.pointer + ((n * 3 + channel) * MaskScene.side + y) * MaskScene.side
        to.update(from: plain.pointer + row * width, count: width)
      }
    }
    return all
  }

  var sizes: [(height: Int, width: Int)] { pictures.map { ($0.height, $0.width) } }

  func targets() throws -> [ImageTargets] {
    try pictures.map { picture in
      ImageTargets(
        boxes: picture.boxes.map { PixelBox(x0: $0[0], y0: $0[1], x1: $0[2], y1: $0[3]) },
        labels: picture.labels,
        masks: try picture.masks.map {
          try RunLengths(compressed: $0, height: picture.height, width: picture.width)
        })
    }
  }

  /// The options of mask_rcnn_network.py; what is not said has Detectron2's value in both.
  static func options(_ norm: DetectionOptions.Norm) -> DetectionOptions {
    var options = DetectionOptions()
    options.architecture = .resnet18
    options.norm = norm
    options.frozenStages = norm == .frozen ? 2 : 0
    options.pyramidWidth = 32
    options.boxHeadWidth = 64
    options.maskHeadWidth = 16
    options.anchorSizes = [16, 32, 64, 96, 128]
    options.anchorsPerImage = 4096
    options.trainCandidatesPerLevel = 32
    options.testCandidatesPerLevel = 32
    options.trainProposals = 48
    options.testProposals = 48
    options.canonicalBox = 44
    options.detectionsPerImage = 16
    return options
  }

  func network(_ options: DetectionOptions, _ engine: any Engine) throws -> DetectionNetwork {
    var source = WeightSource(zeros: engine)
    let network = try DetectionNetwork(options, classes: 3, &source)
    let state = network.contents.state
    let lines = try fixtureText("mask_rcnn/names.txt").split(separator: "\n")
    #expect(lines.count == state.count)
    for line in lines {
      let words = line.split(separator: " ")
      let entry = try #require(state.first { $0.name == words[0] }, "\(words[0])")
      let shape = words.dropFirst(3).compactMap { Int($0) }
      #expect(entry.tensor.plainShape == shape, "\(entry.name)")
      let (centre, spread) = (try #require(Float(words[1])), try #require(Float(words[2])))
      try entry.tensor.assign(
        plain: try hashed("\(salt)/\(entry.name)", shape, centre: centre, spread: spread))
    }
    return network
  }
}

func maskFixture<Value: Decodable>(_ name: String) throws -> Value {
  try JSONDecoder().decode(Value.self, from: Data(try fixtureText("mask_rcnn/\(name).json").utf8))
}
