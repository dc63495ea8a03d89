// Numbers and tensors for tests: the same for the same tag, in [-1, 1).

import ScrlBase
import ScrlTensor

package func numbers(_ count: Int, tag: Int = 0) -> [Float] {
  var stream = RandomStream(seed: 7, sample: tag, use: .test)
  return (0..<count).map { _ in Float(stream.uniform(in: -1...1)) }
}

/// An activation (N,C,H,W) in blocks of b channels, from values in plain order.
package func activation(_ values: [Float], _ shape: [Int], block: Int) throws -> Tensor {
  try Tensor(values, shape: shape).blocked(block, workers: Workers(1))
}

/// The values of an activation or matrix in plain order.
package func plainValues(_ tensor: Tensor) throws -> [Float] {
  try tensor.plain(workers: Workers(1)).array
}
