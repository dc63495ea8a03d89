// Times kernels beside two yardsticks of the same run: a copy, and a product of large matrices.

import Glibc
import ScrlBase
import ScrlKernels
import ScrlTensor

/// One kernel on one shape.
package struct Measurement: Sendable {
  package let kernel: String
  package let shape: String
  package let uses: Int  // in one training step
  package let seconds: Double  // of one run
  package let work: Work
  package let share: Double  // of the yardstick's speed, the best seen so far
  package let isChecked: Bool  // compared before it was timed
}

package enum Work: Sendable {
  case flops(Double)
  case bytes(Double)  // each input read once, each output written once

  var amount: Double {
    switch self {
    case .flops(let amount), .bytes(let amount): amount
    }
  }
}

final class Stopwatch {
  private let workers: Workers
  private let repeats: Int
  private let hear: (Measurement) throws(ScrlError) -> Void
  private var gemm: GemmPeak
  private let from: Tensor
  private let to: Tensor
  private var copySpeed = 0.0  // bytes read and written a second, the best seen so far

  /// Hears of the yardsticks first.
  init(
    _ engines: [any Engine], workers: Workers, repeats: Int,
    _ hear: @escaping (Measurement) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    self.workers = workers
    self.repeats = repeats
    self.hear = hear
    gemm = try GemmPeak(engines)
    from = try Tensor(zeros: [1 << 25])
    to = try Tensor(zeros: [1 << 25])
    for _ in 0..<repeats {
      try gemm.measure()
      copy()
    }
    let (flops, bytes) = (GemmPeak.flops, Double(8 << 25))
    try report("gemm", GemmPeak.shape, .flops(flops), uses: 0, flops / gemm.speed, isChecked: true)
    try report("copy", "\(1 << 25)", .bytes(bytes), uses: 0, bytes / copySpeed, isChecked: true)
  }

  /// Times body(i), which works on the i-th of `ring` sets of operands: together they are larger
  /// than the caches, as the operands of a step are. The fastest of the repeats counts.
  func time(
    _ kernel: String, _ shape: String, _ work: Work, uses: Int, ring: Int,
    isChecked: Bool = true, _ body: (Int) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    switch work {
    case .flops: try gemm.measure()
    case .bytes: copy()
    }
    for i in 0..<ring { try body(i) }
    var best = Double.infinity
    for _ in 0..<repeats {
      let start = monotonicSeconds()
      for i in 0..<ring { try body(i) }
      best = min(best, (monotonicSeconds() - start) / Double(ring))
    }
    try report(kernel, shape, work, uses: uses, best, isChecked: isChecked)
  }

  private func report(
    _ kernel: String, _ shape: String, _ work: Work, uses: Int, _ seconds: Double,
    isChecked: Bool
  ) throws(ScrlError) {
    let yardstick =
      switch work {
      case .flops: gemm.speed
      case .bytes: copySpeed
      }
    try hear(
      Measurement(
        kernel: kernel, shape: shape, uses: uses, seconds: seconds, work: work,
        share: work.amount / seconds / yardstick, isChecked: isChecked))
  }

  private func copy() {
    let (from, to) = (from.pointer, to.pointer)
    let start = monotonicSeconds()
    workers.ranges(1 << 25, grain: 1 << 20) { range in
      memcpy(to + range.lowerBound, from + range.lowerBound, range.count * 4)
    }
    copySpeed = max(copySpeed, Double(8 << 25) / (monotonicSeconds() - start))
  }
}
