// The gradient of one activation, between the operations that use it and the one that made it.
// Rule, said once: parameters' gradients accumulate (Parameter), activations' are assigned; an
// activation that feeds several operations receives the sum of their contributions.

import ScrlBase
import ScrlKernels
import ScrlTensor

package final class GradientSlot {
  private var gradient: Gradient?
  private var hasUser = false

  package init() {}

  /// True for the first operation that says so: in the backward pass it comes last of them, and
  /// finishes the gradient on the way. One that adds later undoes no more than that time saved.
  @discardableResult
  func claim() -> Bool {
    defer { hasUser = true }
    return !hasUser
  }

  /// Takes a contribution: the first as it is, later ones added. Never writes into a tensor that
  /// somebody else holds.
  package func receive(_ contribution: Tensor, _ engine: any Engine) throws(ScrlError) {
    try receive(contribution, TakenSums(), engine)
  }

  /// - Parameter sums: of the contribution; they count while it is the only one.
  func receive(
    _ contribution: Tensor, _ sums: TakenSums, _ engine: any Engine
  ) throws(ScrlError) {
    guard let held = try takeWhole(engine)?.tensor else {
      gradient = .whole(contribution, sums)
      return
    }
    try expectAlike(contribution, shape: held.shape, layout: held.layout)
    let sum = try held.writable()
    try accumulate(sum, contribution, engine.workers)
    gradient = .whole(sum, TakenSums())
  }

  /// Takes a gradient that is still to be made from another one.
  func receive(_ pending: NormGradient, _ engine: any Engine) throws(ScrlError) {
    guard gradient == nil else {
      return try receive(try pending.whole(engine), engine)
    }
    gradient = .pending(pending)
  }

  /// The gradient, leaving the slot empty; nil when nothing arrived.
  package func take(_ engine: any Engine) throws(ScrlError) -> Tensor? {
    try takeWhole(engine)?.tensor
  }

  func takeWhole(
    _ engine: any Engine
  ) throws(ScrlError) -> (tensor: Tensor, sums: TakenSums)? {
    switch takeUnmade() {
    case nil: nil
    case .whole(let tensor, let sums): (tensor, sums)
    case .pending(let pending): (try pending.whole(engine), TakenSums())
    }
  }

  func takeUnmade() -> Gradient? {
    defer { gradient = nil }
    return gradient
  }

  /// The gradient, and whether nobody else holds its memory: it may then be written into.
  func takeOwned() -> (gradient: Gradient, isOurs: Bool)? {
    switch takeUnmade() {
    case nil: return nil
    case .pending(let pending): return (.pending(pending), true)  // its images are made anew
    case .whole(var tensor, let sums):
      let isOurs = tensor.isUnique()
      return (.whole(tensor, sums), isOurs)
    }
  }

  /// What an operation adds its images' gradients into.
  /// - Parameter isLast: no other operation will.
  func open(_ source: Source, isLast: Bool, _ engine: any Engine) throws(ScrlError) -> Intake {
    let (sum, isFirst): (Tensor, Bool)
    if let held = try takeWhole(engine)?.tensor {
      try expectAlike(held, shape: source.shape, layout: source.layout)
      (sum, isFirst) = (try held.writable(), false)
    } else {
      (sum, isFirst) = (
        try Tensor(uninitialized: source.shape, layout: source.layout), true
      )
    }
    return Intake(
      slot: self, source: source,
      sum: sum, isFirst: isFirst, isLast: isLast)
  }

  fileprivate func close(_ sum: Tensor, _ sums: TakenSums) { gradient = .whole(sum, sums) }
}

enum Gradient {
  /// With what was taken of it on the way, once it was complete.
  case whole(Tensor, TakenSums)
  /// To be made from another gradient, some images at a time.
  case pending(NormGradient)

  func images(_ range: Range<Int>, _ engine: any Engine) throws(ScrlError) -> Tensor {
    switch self {
    case .whole(let tensor, _): tensor.images(range)
    case .pending(let pending): try pending.images(range, engine)
    }
  }
}

/// Of a complete gradient: the sums of the norm it goes through, or of the norms of both sides of
/// a residual sum, whose ReLU it has then passed. nil: nobody took them.
struct TakenSums {
  var first: BatchGradientSums?
  var second: BatchGradientSums?

  var isEmpty: Bool { first == nil && second == nil }

  fileprivate static func += (_ sums: inout TakenSums, _ more: TakenSums) {
    add(more.first, to: &sums.first)
    add(more.second, to: &sums.second)
  }

  private static func add(_ more: BatchGradientSums?, to sums: inout BatchGradientSums?) {
    guard let more else { return }
    if sums == nil { sums = more } else { sums? += more }
  }
}

/// One operation's contributions to a slot, some images at a time. The last operation finishes
/// them while they are in the cache: what the maker's backward pass would read them for.
struct Intake {
  private let slot: GradientSlot
  private let source: Source
  private let sum: Tensor
  private let isFirst: Bool
  private let isLast: Bool
  private var taken = TakenSums()

  fileprivate init(
    slot: GradientSlot, source: Source, sum: Tensor, isFirst: Bool, isLast: Bool
  ) {
    (self.slot, self.source, self.sum) = (slot, source, sum)
    (self.isFirst, self.isLast) = (isFirst, isLast)
  }

  /// For the contribution of some images; `add` takes it when it is written.
  func place(_ range: Range<Int>) throws(ScrlError) -> Tensor {
    let part = sum.images(range)
    return isFirst ? part : try Tensor(uninitialized: part.shape, layout: part.layout)
  }

  /// - Parameter value: these images of the activation, where they are at hand.
  mutating func add(
    _ part: Tensor, _ range: Range<Int>, value: Tensor? = nil, _ engine: any Engine
  ) throws(ScrlError) {
    let (whole, more) = (sum.images(range), isFirst ? nil : part)
    if isLast, case .sum(let residual) = source {
      let y = if let value { value } else { try residual.images(range, engine) }
      taken += try residual.finish(whole, adding: more, value: y, range, engine)
      return
    }
    if let more { try accumulate(whole, more, engine.workers) }
    if isLast, case .normalised(let of) = source {
      let sums = try engine.batchNormBackwardSums(whole, x: of.x.images(range), of.norm)
      taken += TakenSums(first: sums)
    }
  }

  func close() { slot.close(sum, taken) }
}

extension Tensor {
  /// Itself when nobody else holds its memory, else a copy.
  consuming func writable() throws(ScrlError) -> Tensor {
    var held = self
    return held.isUnique() ? held : try held.copied()
  }
}

private func expectAlike(_ t: Tensor, shape: [Int], layout: Layout) throws(ScrlError) {
  guard t.shape == shape, t.layout == layout else {
    throw ScrlError(
      .shape, "gradient: got \(t.shape), \(t.layout) · expected \(shape), \(layout)")
  }
}
