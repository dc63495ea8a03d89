// The yardstick of arithmetic: a product of two large matrices, by the best engine there is.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct GemmPeak {
  private static let side = 2048
  static let shape = "\(side)x\(side)x\(side)"
  static let flops = 2 * Double(side * side * side)

  /// Operations a second, the best seen so far.
  package private(set) var speed = 0.0
  private let engines: [any Engine]
  private let a: Tensor
  private let b: Tensor

  package init(_ engines: [any Engine]) throws(ScrlError) {
    self.engines = engines
    a = try samples([Self.side, Self.side], seed: 1)
    b = try samples([Self.side, Self.side], seed: 2)
  }

  /// One product by each engine.
  package mutating func measure() throws(ScrlError) {
    for engine in engines {
      let start = monotonicSeconds()
      _ = try engine.linear(a, weight: b, bias: nil)
      speed = max(speed, Self.flops / (monotonicSeconds() - start))
    }
  }
}
