// The end of a residual block: y = max(a + b, 0).

import ScrlBase
import ScrlKernels
import ScrlTensor

/// A residual block's output: made image by image when first taken, and held because the next
/// block reads it twice. When the next block's own output is whole it is forgotten; the backward
/// pass makes it again. So a network keeps its convolutions' outputs only.
final class ResidualSum {
  let shape: [Int]
  let layout: Layout
  private var sides: (a: Source, b: Source)?
  private var input: ResidualSum?  // of the block, to be forgotten once this is whole
  private let isRecorded: Bool
  private var held: Tensor?
  private var isMade: [Bool]  // per image of `held`

  /// - Parameters:
  ///   - input: what nothing later in the forward pass reads.
  ///   - isRecorded: a backward pass will come.
  init(_ a: Source, _ b: Source, input: Source, isRecorded: Bool) {
    shape = a.shape
    layout = a.layout
    sides = (a, b)
    if case .sum(let earlier) = input { self.input = earlier }
    self.isRecorded = isRecorded
    isMade = [Bool](repeating: false, count: shape[0])
  }

  func images(_ range: Range<Int>, _ engine: any Engine) throws(ScrlError) -> Tensor {
    let held =
      if let held { held } else { try Tensor(uninitialized: shape, layout: layout) }
    self.held = held
    var next = range.lowerBound
    while let first = isMade[next..<range.upperBound].firstIndex(of: false) {
      let end = isMade[first..<range.upperBound].firstIndex(of: true) ?? range.upperBound
      try make(first..<end, into: held, engine)
      next = end
    }
    return held.images(range)
  }

  /// Completes the gradient of some images in place: the ReLU's mask, and the sums of the sides'
  /// norms.
  func finish(
    _ dy: Tensor, adding more: Tensor?, value: Tensor, _ range: Range<Int>, _ engine: any Engine
  ) throws(ScrlError) -> TakenSums {
    let (one, two) = (sides?.a.normalised(range), sides?.b.normalised(range))
    let first = try engine.addReLUBackward(dy, adding: more, y: value, sumsOf: one)
    guard let two, let norm = two.norm else { return TakenSums(first: first) }
    return TakenSums(
      first: first, second: try engine.batchNormBackwardSums(dy, x: two.x, norm))
  }

  private func make(
    _ range: Range<Int>, into held: Tensor, _ engine: any Engine
  ) throws(ScrlError) {
    guard let sides else {
      throw ScrlError(.internal, "add_relu: images \(range) were made and are gone")
    }
    try engine.addReLU(
      try sides.a.addend(range, engine), try sides.b.addend(range, engine),
      into: held.images(range))
    for image in range { isMade[image] = true }
    if !isMade.contains(false) { becomeWhole() }
  }

  private func becomeWhole() {
    input?.forget()
    input = nil
    if !isRecorded { sides = nil }
  }

  private func forget() {
    guard sides != nil else { return }  // nobody could make it again
    held = nil
    for image in isMade.indices { isMade[image] = false }
  }
}

extension Source {
  /// As a side that the sum itself normalises; nil for a value of its own, or after a ReLU.
  fileprivate func normalised(_ range: Range<Int>) -> Addend? {
    guard case .normalised(let of) = self, !of.norm.relu else { return nil }
    return Addend(of.x.images(range), of.norm)
  }

  fileprivate func addend(_ range: Range<Int>, _ engine: any Engine) throws(ScrlError) -> Addend {
    if let side = normalised(range) { return side }
    return Addend(try images(range, engine))
  }
}

extension Pass {
  /// - Parameter input: the block's, which nothing later in the forward pass reads.
  package func addReLU(
    _ a: Activation, _ b: Activation, endOf input: Activation? = nil
  ) throws(ScrlError) -> Activation {
    guard a.shape == b.shape, a.source.layout == b.source.layout else {
      throw ScrlError(
        .shape,
        "add_relu: got \(b.shape) \(b.source.layout) · expected \(a.shape) \(a.source.layout)")
    }
    let sum = ResidualSum(
      a.source, b.source, input: (input ?? b).source, isRecorded: tape != nil)
    let y = Activation(.sum(sum), slot: newSlot(for: a, b))
    if let tape, let output = y.slot {
      a.slot?.claim()
      b.slot?.claim()
      tape.record(AddReLUOp(y: sum, a: a.slot, b: b.slot, output: output))
    }
    return y
  }
}

private struct AddReLUOp: TapeOp {
  let y: ResidualSum  // the mask y > 0
  let a: GradientSlot?
  let b: GradientSlot?
  let output: GradientSlot

  func backward(_ engine: any Engine) throws(ScrlError) {
    guard let (dy, sums) = try output.takeWhole(engine) else { return }
    let d = sums.isEmpty ? try masked(dy, engine) : dy
    // One tensor is the gradient of both.
    try a?.receive(d, TakenSums(first: sums.first), engine)
    try b?.receive(d, TakenSums(first: sums.second), engine)
  }

  private func masked(_ dy: Tensor, _ engine: any Engine) throws(ScrlError) -> Tensor {
    let d = try dy.copied()
    _ = try engine.addReLUBackward(
      d, adding: nil, y: try y.images(0..<y.shape[0], engine), sumsOf: nil)
    return d
  }
}
