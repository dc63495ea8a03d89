// Two tensors compared when one is not there: the fixtures keep of each its norm, the norm of its
// change since the start, 32 elements, and 24 projections of the change.
//
// The estimate. Let e = ours − reference (the start is the same, so e is also the difference of
// the changes) and s a vector of independent signs ±1. Then E (s·e)² = Σᵢⱼ E(sᵢsⱼ) eᵢeⱼ = ‖e‖²:
// the mean over D = 24 vectors of the squared differences of projections has mean ‖e‖². Each s·e
// is nearly normal, so that the mean is ‖e‖²·χ²_D/D, of deviation √(2/D) = 0.29. An estimate
// under half the true error needs χ²₂₄ ≤ 6: probability 5e-5. Hence a bound of 5e-4 on the
// estimate bounds the error by 1e-3 but for that.

import ScrlBase
import ScrlTensor
import TestReference

private let signVectors = 24
private let samples = 32

struct KeptTensor: Equatable {
  let name: String
  let elements: [Double]  // strided
  let projections: [Double]  // of the change

  init(name: String, values: Tensor, first: Tensor, _ workers: Workers) {
    self.name = name
    elements = (0..<samples).map { Double(values.pointer[$0 * values.count / samples]) }
    let grain = 1 << 16
    let tasks = (values.count + grain - 1) / grain
    let hash = fnv1a("signs/" + name)
    let partial = UnsafeMutablePointer<Double>.allocate(capacity: tasks * signVectors)
    defer { partial.deallocate() }
    let (now, then) = (values.pointer, first.pointer)
    workers.ranges(values.count, grain: grain) { range in
      project(now, then, range, hash, into: partial + range.lowerBound / grain * signVectors)
    }
    projections = (0..<signVectors).map { d in
      (0..<tasks).reduce(0) { $0 + partial[$1 * signVectors + d] }
    }
  }
}

/// Bit d of word i is the sign of element i in vector d.
private func project(
  _ now: UnsafePointer<Float>, _ then: UnsafePointer<Float>, _ range: Range<Int>, _ hash: UInt32,
  into sums: UnsafeMutablePointer<Double>
) {
  let lanes = SIMD8<UInt64>(0, 1, 2, 3, 4, 5, 6, 7)
  var (a, b, c) = (SIMD8<Double>(), SIMD8<Double>(), SIMD8<Double>())
  for i in range {
    let change = SIMD8<UInt64>(repeating: (Double(now[i]) - Double(then[i])).bitPattern)
    let bits = SIMD8<UInt64>(repeating: UInt64(hashWord(i, hash))) &>> lanes
    a += SIMD8<Double>(bitPattern: change ^ (bits &<< 63))
    b += SIMD8<Double>(bitPattern: change ^ ((bits &>> 8) &<< 63))
    c += SIMD8<Double>(bitPattern: change ^ ((bits &>> 16) &<< 63))
  }
  for lane in 0..<8 {
    (sums[lane], sums[lane + 8], sums[lane + 16]) = (a[lane], b[lane], c[lane])
  }
}

struct Comparison {
  static let groups = ["online", "predictor", "probe", "classifier", "target", "statistics"]

  private(set) var worst: [String: (name: String, error: Double)] = [:]
  private var moved: [String: (apart: Double, change: Double)] = [:]  // Σ‖e‖², Σ‖change‖²

  /// √(Σ‖e‖² / Σ‖change‖²) over the parameters of a group: weights that hardly move are close to
  /// any others that hardly move, their changes are not.
  func changeError(_ group: String) -> Double? {
    moved[group].map { ($0.apart / $0.change).squareRoot() }
  }

  /// - Parameter reference: norm, norm of the change, elements, projections.
  mutating func add(_ ours: KeptTensor, _ reference: [Double]) {
    let (norm, change) = (reference[0], reference[1])
    let elements = reference[2..<2 + samples]
    let squares = zip(ours.projections, reference[(2 + samples)...]).map { ($0 - $1) * ($0 - $1) }
    let estimate = squares.reduce(0, +) / Double(signVectors)
    let ofElements = relativeError(ours.elements.map { Float($0) }, elements)
    let error = max(estimate.squareRoot() / norm, ofElements)
    let isStatistic = ours.name.contains(".running_")
    let group = isStatistic ? "statistics" : ours.name.prefix { $0 != "." }.description
    if !(error <= worst[group]?.error ?? -1) { worst[group] = (ours.name, error) }
    if !isStatistic {
      let sums = moved[group] ?? (0, 0)
      moved[group] = (sums.apart + estimate, sums.change + change * change)
    }
  }
}

extension SIMD8<Double> {
  fileprivate init(bitPattern bits: SIMD8<UInt64>) {
    self = unsafeBitCast(bits, to: SIMD8<Double>.self)
  }
}
