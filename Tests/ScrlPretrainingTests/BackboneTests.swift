// The backbone by itself: its folded network follows its weights, and images go through in chunks.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlPretraining

@Suite("Backbone")
struct BackboneTests {
  private func backbone(_ kind: TestEngine, seed: Int = 0) throws -> Backbone {
    var config = smallConfig()
    config.seed = seed
    return try Backbone(config, engine: try kind.make(Workers(2)))
  }

  private func images(_ count: Int, side: Int = 32) throws -> Tensor {
    try Tensor(numbers(count * 3 * side * side), shape: [count, 3, side, side])
  }

  @Test(
    "a weight that is written after a call shows in the next one", arguments: TestEngine.all,
    ["conv1.weight", "layer1.1.bn2.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"])
  func followsWeights(_ kind: TestEngine, _ name: String) throws {
    let (model, other) = (try backbone(kind), try backbone(kind))
    let x = try images(1)
    let before = try model.features(x, stage: .layer1).array
    // The other is written before its first call: what it folds is new.
    for one in [model, other] {
      let tensor = try #require(one.state.first { $0.name == Backbone.prefix + name }).tensor
      let values = try tensor.plain().array.map { 0.5 * $0 + 0.25 }
      try values.withUnsafeBufferPointer { try tensor.writePlain(from: $0) }
    }
    let after = try model.features(x, stage: .layer1).array
    #expect(after != before)
    #expect(try other.features(x, stage: .layer1).array == after)
  }

  @Test("every named tensor counts what is assigned to it, and nothing that failed")
  func versions() throws {
    for entry in try backbone(.openblas).state {
      let before = entry.tensor.version
      try entry.tensor.assign(plain: try entry.tensor.plain().copied())
      #expect(entry.tensor.version == before + 1, "\(entry.name)")
      #expect(throws: ScrlError.self) { try entry.tensor.assign(plain: try Tensor(zeros: [7])) }
      #expect(entry.tensor.version == before + 1, "\(entry.name)")
    }
  }

  @Test("all weights replaced, as by another checkpoint", arguments: TestEngine.all)
  func replaced(_ kind: TestEngine) throws {
    let (model, other) = (try backbone(kind), try backbone(kind, seed: 1))
    let x = try images(2)
    let before = try model.embed(x).array
    for (mine, theirs) in zip(model.state, other.state) {
      try mine.tensor.assign(plain: try theirs.tensor.plain())
    }
    #expect(try model.embed(x).array == other.embed(x).array)
    #expect(try model.embed(x).array != before)
  }

  // 1e-5 of the largest: one network, whose kernels may cut sums otherwise for other extents.
  @Test("many images give what each gives alone", arguments: TestEngine.all)
  func chunks(_ kind: TestEngine) throws {
    let model = try backbone(kind)
    let count = 35
    let x = try images(count)
    let boxes = [0, 34, 17, 34].map { RegionBox(image: $0, x0: 3, y0: 5, x1: 25, y1: 30) }
    let (maps, rows) = (try model.features(x, stage: .layer3), try model.embed(x))
    let regions = try model.embedRegions(x, boxes: boxes)
    #expect(maps.shape == [count, 256, 2, 2])
    func expectRow(_ all: Tensor, _ row: Int, _ alone: Tensor) throws {
      expectNear(all.images(row..<row + 1).array, alone.array.map(Double.init), 1e-5)
    }
    for image in [0, 15, 16, 31, 32, 34] {
      let alone = x.images(image..<image + 1)
      try expectRow(maps, image, try model.features(alone, stage: .layer3))
      try expectRow(rows, image, try model.embed(alone))
    }
    for (row, box) in boxes.enumerated() {
      let alone = x.images(box.image..<box.image + 1)
      try expectRow(regions, row, try model.embedRegions(alone, boxes: [box.moved(to: 0)]))
    }
  }

  @Test("pixels that are not finite are refused, and the model stays usable")
  func notFinite() throws {
    let model = try backbone(.openblas)
    for bad in [Float.nan, .infinity] {
      let x = try images(2)
      x.pointer[x.count - 1] = bad
      let error = #expect(throws: ScrlError.self) { _ = try model.embed(x) }
      #expect(error?.code == .argument)
    }
    #expect(try model.embed(try images(2)).shape == [2, 128])
  }

  @Test("wrong shapes are errors", arguments: [[2, 4, 32, 32], [2, 3, 32], [0, 3, 32, 32]])
  func shapes(_ shape: [Int]) throws {
    let model = try backbone(.openblas)
    let error = #expect(throws: ScrlError.self) { _ = try model.embed(try Tensor(zeros: shape)) }
    #expect(error?.code == .shape)
  }
}
