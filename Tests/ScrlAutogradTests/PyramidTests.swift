// The operations of a feature pyramid: upsampling added, every second cell, ReLUs, and boxes that
// are pooled from several maps. Values and gradients against float64 definitions.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

// At most 200 products of order 1, as in OpGradientTests: √200·2⁻²⁴ = 8e-7 of the largest value,
// twice for sums of several uses, and 3 for the luck of the draw.
private let tolerance = 5e-6

@Suite("Pyramid")
struct PyramidTests {
  @Test(
    "Upsampling adds each coarse cell four times, and its gradient sums them",
    arguments: onEngines([4, 16, 3, 24, 13]), [[1, 1, 1], [2, 3, 5]])
  func upsampleAdd(_ on: (kind: TestEngine, channels: Int), extents: [Int]) throws {
    let (kind, channels) = on
    let bench = try Bench(kind)
    let coarse = noise([extents[0], channels, extents[1], extents[2]], 1)
    let fine = noise([extents[0], channels, 2 * extents[1], 2 * extents[2]], 2)
    let dy = noise(fine.shape, 3)
    let (low, high) = (try bench.leaf(coarse), try bench.leaf(fine))
    let y = try bench.pass.upsampleAdd(low, to: high)
    expectNear(
      try bench.plain(try y.value(bench.engine)), Reference.upsampleAdd(coarse, fine).values,
      tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(low),
      finiteDifferences(coarse.values) {
        dot(dy, Reference.upsampleAdd(Grid(coarse.shape, $0), fine))
      }, tolerance)
    #expect(try bench.gradient(high) == dy.values.map { Float($0) })
  }

  @Test("A fine map that is not twice the coarse one is refused", arguments: TestEngine.all)
  func uneven(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    let coarse = try bench.leaf(noise([1, 4, 3, 3], 1))
    for shape in [[1, 4, 5, 6], [1, 4, 6, 7], [1, 8, 6, 6], [2, 4, 6, 6]] {
      let error = #expect(throws: ScrlError.self) {
        _ = try bench.pass.upsampleAdd(coarse, to: try bench.leaf(noise(shape, 2)))
      }
      #expect(error?.code == .shape)
    }
  }

  @Test(
    "Every second cell, of even and odd extents",
    arguments: onEngines([4, 16, 3]), [[2, 6, 4], [1, 7, 5], [2, 1, 1], [1, 2, 1]])
  func subsample(_ on: (kind: TestEngine, channels: Int), extents: [Int]) throws {
    let bench = try Bench(on.kind)
    let x = noise([extents[0], on.channels, extents[1], extents[2]], 1)
    let want = Reference.subsample(x)
    let dy = noise(want.shape, 2)
    let leaf = try bench.leaf(x)
    let y = try bench.pass.subsample(leaf)
    #expect(y.shape == want.shape)
    #expect(try bench.plain(try y.value(bench.engine)) == want.values.map { Float($0) })
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { dot(dy, Reference.subsample(Grid(x.shape, $0))) }, tolerance)
  }

  @Test(
    "ReLU, of maps and matrices", arguments: TestEngine.all,
    [[3, 7], [2, 16, 3, 5], [1, 3, 3, 3]])
  func relu(_ kind: TestEngine, shape: [Int]) throws {
    let bench = try Bench(kind)
    let (x, dy) = (noise(shape, 1), noise(shape, 2))
    let leaf = try bench.leaf(x)
    let y = try bench.pass.relu(leaf)
    #expect(
      try bench.plain(try y.value(bench.engine)) == Reference.relu(x).values.map { Float($0) })
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { dot(dy, Reference.relu(Grid(shape, $0))) }, tolerance)
  }

  @Test("Linear with a ReLU", arguments: TestEngine.all, [false, true])
  func linear(_ kind: TestEngine, hasBias: Bool) throws {
    let bench = try Bench(kind)
    let (x, weight, dy) = (noise([4, 6], 1), noise([5, 6], 2), noise([4, 5], 3))
    let bias = hasBias ? noise([5], 4) : Grid(zeros: [5])
    func loss(_ x: [Double], _ weight: [Double], _ bias: [Double]) -> Double {
      dot(dy, Reference.relu(Reference.linear(Grid([4, 6], x), Grid([5, 6], weight), bias)))
    }
    let leaf = try bench.leaf(x)
    let weights = try bench.parameter(.linearWeight, weight)
    let biases = try bench.parameter(.linearBias, bias)
    let y = try bench.pass.linear(
      leaf, weight: weights, bias: hasBias ? biases : nil, relu: true)
    expectNear(
      try y.value(bench.engine).array,
      Reference.relu(Reference.linear(x, weight, bias.values)).values, tolerance)
    try bench.backward(y, dy)
    expectNear(
      try bench.gradient(leaf),
      finiteDifferences(x.values) { loss($0, weight.values, bias.values) }, tolerance)
    expectNear(
      try bench.gradient(weights),
      finiteDifferences(weight.values) { loss(x.values, $0, bias.values) }, tolerance)
    guard hasBias else { return }
    expectNear(
      try bench.gradient(biases),
      finiteDifferences(bias.values) { loss(x.values, weight.values, $0) }, tolerance)
  }

  // Levels of 4, 8 and 16 pixels a cell; boxes (image, x0, y0, x1, y1) in any order of levels, and
  // none of the last level.
  private let corners: [[Double]] = [
    [1, 3, 2, 29, 25], [0, 10, 5, 33, 30], [0, 8, 8, 11, 12], [1, 0, 0, 35, 31], [0, 4, 3, 22, 9],
  ]
  private let levelOfBox = [1, 0, 0, 1, 0]
  private let scales = [0.25, 0.125, 0.0625]

  private func maps(_ channels: Int) -> [Grid] {
    [
      noise([2, channels, 9, 10], 1), noise([2, channels, 5, 5], 2), noise([2, channels, 3, 3], 3),
    ]
  }

  private func options(_ output: Int, ratio: Int, aligned: Bool) throws -> [RoIAlignOptions] {
    try scales.map {
      try RoIAlignOptions(
        outputHeight: output, outputWidth: output, spatialScale: Float($0), samplingRatio: ratio,
        aligned: aligned)
    }
  }

  private var boxes: [RegionBox] {
    corners.map {
      RegionBox(
        image: Int($0[0]), x0: Float($0[1]), y0: Float($0[2]), x1: Float($0[3]), y1: Float($0[4]))
    }
  }

  @Test(
    "Boxes are pooled each from its level, in their order",
    arguments: onEngines([3, 16, 10]), [(0, true), (2, true), (2, false)])
  func roiAlign(
    _ on: (kind: TestEngine, channels: Int), _ how: (ratio: Int, aligned: Bool)
  ) throws {
    let bench = try Bench(on.kind)
    let maps = maps(on.channels)
    func reference(_ level: Int, _ x: [Double]) -> Grid {
      Reference.roiAlign(
        Grid(maps[level].shape, x), boxes: corners, output: 3, scale: scales[level],
        samples: how.ratio > 0 ? how.ratio : nil, aligned: how.aligned)
    }
    let each = on.channels * 9
    var want = Grid(zeros: [corners.count, on.channels, 3, 3])
    for (row, level) in levelOfBox.enumerated() {
      let place = row * each..<(row + 1) * each
      want.values.replaceSubrange(place, with: reference(level, maps[level].values).values[place])
    }
    let dy = noise(want.shape, 4)
    let leaves = try maps.map { try bench.leaf($0) }
    let y = try bench.pass.roiAlignPyramid(
      leaves, boxes: boxes, levelOfBox: levelOfBox,
      try options(3, ratio: how.ratio, aligned: how.aligned))
    expectNear(try bench.plain(try y.value(bench.engine)), want.values, tolerance)
    try bench.backward(y, dy)
    for level in 0..<2 {
      var own = dy
      for (row, other) in levelOfBox.enumerated() where other != level {
        for i in row * each..<(row + 1) * each { own.values[i] = 0 }
      }
      // A sum of products by fixed weights: one channel's slopes are another's.
      let slopes = finiteDifferences(maps[level].values) { dot(own, reference(level, $0)) }
      expectNear(try bench.gradient(leaves[level]), slopes, tolerance, "level \(level)")
    }
    #expect(try leaves[2].slot?.take(bench.engine) == nil)
  }

  @Test("Boxes of no level, levels without options or of other channels are refused")
  func badLevels() throws {
    let bench = try Bench()
    let maps = try maps(4).map { try bench.leaf($0) }
    let options = try options(2, ratio: 2, aligned: true)
    let wrong: [([Activation], [Int], [RoIAlignOptions])] = [
      (maps, [0, 1, 2, 3, 0], options), (maps, [0, -1, 0, 0, 0], options),
      (maps, [0, 0, 0, 0], options), (maps, levelOfBox, Array(options[..<2])),
      ([], [], []),
      ([maps[0], try bench.leaf(noise([2, 5, 5, 5], 9)), maps[2]], levelOfBox, options),
    ]
    for (levels, levelOfBox, options) in wrong {
      #expect(throws: ScrlError.self) {
        _ = try bench.pass.roiAlignPyramid(
          levels, boxes: levels.isEmpty ? [] : boxes, levelOfBox: levelOfBox, options)
      }
    }
  }

  @Test("A map with several readers receives the sum of what each sends", arguments: TestEngine.all)
  func readers(_ kind: TestEngine) throws {
    // As P3: made by a sum, read by a convolution, by the sum below, by boxes and by a loss.
    let bench = try Bench(kind)
    let maps = maps(16)
    let g = try ConvolutionGeometry(inputs: 16, outputs: 3, kernel: 1, stride: 1, padding: 0)
    let weight = try bench.parameter(.convolutionWeight(g), noise(g.weightShape, 5))
    let bias = try bench.parameter(.convolutionBias, noise([3], 6))
    let fine = try bench.leaf(noise([2, 16, 10, 10], 7))
    var targets = ElementTargets()
    for i in stride(from: 1, to: 800, by: 7) { targets.append(i, 0.25) }
    let options = try options(2, ratio: 2, aligned: true)

    func gradient(_ readers: Set<Int>) throws -> [Double] {
      let leaf = try bench.leaf(maps[1])
      let map = try bench.pass.relu(leaf)
      if readers.contains(0) {
        let y = try bench.pass.convolution(map, weight: weight, bias: bias, g)
        try #require(y.slot).receive(try bench.tensor(noise(y.shape, 8)), bench.engine)
      }
      if readers.contains(1) {
        let y = try bench.pass.upsampleAdd(map, to: fine)
        try #require(y.slot).receive(try bench.tensor(noise(y.shape, 9)), bench.engine)
      }
      if readers.contains(2) {
        let y = try bench.pass.roiAlignPyramid(
          [map], boxes: boxes, levelOfBox: boxes.map { _ in 0 }, [options[1]])
        try #require(y.slot).receive(try bench.tensor(noise(y.shape, 10)), bench.engine)
      }
      if readers.contains(3) {
        _ = try bench.pass.smoothL1Loss(map, targets, beta: 0, divisor: 3)
      }
      try bench.tape.backward(bench.engine)
      _ = try fine.slot?.take(bench.engine)
      return try bench.gradient(leaf).map(Double.init)
    }
    let all = try gradient([0, 1, 2, 3])
    let parts = try (0..<4).map { try gradient([$0]) }
    let sums = all.indices.map { i in parts.reduce(0) { $0 + $1[i] } }
    expectNear(all.map { Float($0) }, sums, tolerance)
    #expect(parts.allSatisfy { $0.contains { $0 != 0 } })
  }

  @Test("Without any box everything is empty and gradients are zero", arguments: TestEngine.all)
  func noBoxes(_ kind: TestEngine) throws {
    let bench = try Bench(kind)
    let maps = try maps(16).map { try bench.leaf($0) }
    let g = try ConvolutionGeometry(inputs: 16, outputs: 16, kernel: 3, stride: 1, padding: 1)
    let t = try ConvolutionGeometry(inputs: 16, outputs: 16, kernel: 2, stride: 2, padding: 0)
    let weights = [
      try bench.parameter(.convolutionWeight(g), noise(g.weightShape, 1)),
      try bench.parameter(.convolutionWeight(t), noise(t.weightShape, 2)),
      try bench.parameter(.linearWeight, noise([5, 16 * 36], 3)),
    ]
    let biases = [
      try bench.parameter(.convolutionBias, noise([16], 4)),
      try bench.parameter(.convolutionBias, noise([16], 5)),
      try bench.parameter(.linearBias, noise([5], 6)),
    ]
    let pooled = try bench.pass.roiAlignPyramid(
      maps, boxes: [], levelOfBox: [], try options(3, ratio: 0, aligned: true))
    let convolved = try bench.pass.convolution(
      pooled, weight: weights[0], bias: biases[0], g, relu: true)
    let larger = try bench.pass.transposedConvolution(
      convolved, weight: weights[1], bias: biases[1], of: t, relu: true)
    let y = try bench.pass.linear(
      try bench.pass.flatten(larger), weight: weights[2], bias: biases[2], relu: true)
    #expect(y.shape == [0, 5])
    #expect(try bench.pass.crossEntropyLoss(y, labels: [], divisor: 1) == 0)
    #expect(try bench.pass.sigmoidCrossEntropyLoss(y, ElementTargets(), divisor: 1) == 0)
    try bench.tape.backward(bench.engine)
    for parameter in weights + biases {
      #expect(try bench.gradient(parameter).allSatisfy { $0 == 0 })
    }
  }
}
