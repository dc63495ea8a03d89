// RoIAlign: what it must return by construction, its adjoint, and boxes that no one should send.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

private func options(_ size: Int, ratio: Int = -1, aligned: Bool = true) throws -> RoIAlignOptions {
  try RoIAlignOptions(
    outputHeight: size, outputWidth: size, spatialScale: 0.5, samplingRatio: ratio,
    aligned: aligned)
}

@Test(
  "RoIAlign of a linear ramp returns the ramp at the output cells' centres",
  arguments: TestEngine.all,
  [2, 1])
func roiAlignRamp(_ kind: TestEngine, block: Int) throws {
  let engine = try kind.make(Workers(2))
  let ramp = (0..<160).map { (i: Int) -> Float in Float(i % 10 + 100 * (i / 10 % 8)) }
  let x = try activation(ramp, [1, 2, 8, 10], block: block)
  let box = RegionBox(image: 0, x0: 3, y0: 4, x1: 15, y1: 12)  // cells 1…7 by 1.5…5.5, aligned
  let y = try plainValues(try engine.roiAlign(x, boxes: [box], try options(2)))
  let want: [Double] = [252.5, 255.5, 452.5, 455.5]  // rows 2.5 and 4.5, columns 2.5 and 5.5
  // 1e-4: about eight products of magnitude ≤ 550, each rounded at 550·2⁻²⁴ ≈ 3e-5 at most.
  expectClose(y, want + want, absolute: 1e-4)
}

@Test(
  "RoIAlign's gradient is its adjoint", arguments: onEngines([-1, 2]), [48, 16, 12, 8])
func roiAlignAdjoint(_ on: (kind: TestEngine, ratio: Int), block: Int) throws {
  let (kind, ratio) = on
  let engine = try kind.make(Workers(2))
  let x = try activation(numbers(2 * 48 * 42), [2, 48, 7, 6], block: block)
  let boxes = (0..<5).map {
    RegionBox(
      image: $0 % 2, x0: Float($0) - 3, y0: Float($0 * 2), x1: Float($0 * 3 + 4), y1: 13.5)
  }
  let o = try options(3, ratio: ratio, aligned: false)
  let y = try engine.roiAlign(x, boxes: boxes, o)
  let dy = try activation(numbers(y.count, tag: 1), y.shape, block: block)
  let dx = try engine.roiAlignBackward(dy, boxes: boxes, o, like: try x.activationShape("test"))
  let forward = zip(dy.array, y.array).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
  let backward = zip(dx.array, x.array).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
  // 2160 products of magnitude ≤ 1 and random sign, each exact to a few 2⁻²⁴: √2160·3·2⁻²⁴ ≈ 8e-6.
  #expect(abs(forward - backward) < 3e-5)
}

@Test("no boxes give an empty result and a zero gradient", arguments: TestEngine.all)
func roiAlignEmpty(_ kind: TestEngine) throws {
  let engine = try kind.make(Workers(2))
  let x = try Tensor(zeros: [1, 2, 3, 3], layout: .blocked(2))
  let y = try engine.roiAlign(x, boxes: [], try options(2))
  #expect(y.shape == [0, 2, 2, 2])
  let dx = try engine.roiAlignBackward(
    y, boxes: [], try options(2), like: try x.activationShape("test"))
  #expect(dx.array.allSatisfy { $0 == 0 })
}

@Test(
  "a box that is not a number, huge, or of no image is refused by its index",
  arguments: TestEngine.all,
  [
    RegionBox(image: 0, x0: .nan, y0: 0, x1: 1, y1: 1),
    RegionBox(image: 0, x0: 0, y0: 0, x1: .infinity, y1: 1),
    RegionBox(image: 0, x0: 0, y0: -2e6, x1: 1, y1: 1),
    RegionBox(image: 1, x0: 0, y0: 0, x1: 1, y1: 1),
    RegionBox(image: -1, x0: 0, y0: 0, x1: 1, y1: 1),
  ])
func roiAlignBadBox(_ kind: TestEngine, _ box: RegionBox) throws {
  let engine = try kind.make(Workers(1))
  let x = try Tensor(zeros: [1, 2, 3, 3], layout: .blocked(2))
  let good = RegionBox(image: 0, x0: 0, y0: 0, x1: 4, y1: 4)
  let error = #expect(throws: ScrlError.self) {
    _ = try engine.roiAlign(x, boxes: [good, box], try options(1))
  }
  #expect(error?.code == .argument)
  #expect(error?.message.contains("box 1") == true)
}

@Test(
  "the largest boxes that are accepted end soon and read only the map", arguments: TestEngine.all,
  [-1, 64])
func roiAlignLargest(_ kind: TestEngine, ratio: Int) throws {
  let engine = try kind.make(Workers(1))
  let x = try Tensor([Float](repeating: 1, count: 18), shape: [1, 2, 3, 3], layout: .blocked(2))
  let box = RegionBox(image: 0, x0: -1e4, y0: -1e4, x1: 1e4, y1: 1e4)
  let y = try engine.roiAlign(x, boxes: [box], try options(1, ratio: ratio, aligned: false))
  #expect(y.array.allSatisfy { $0 >= 0 && $0 < 0.001 })
}
