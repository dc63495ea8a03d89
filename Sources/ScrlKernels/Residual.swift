// The end of a residual block: y = max(a + b, 0). Also dst += src, which the tape uses where a
// value is read twice. NaN stays NaN: a diverged run must be seen.

import ScrlBase
import ScrlTensor

private let grain = 32_768  // elements: 128 KiB of each operand, well inside a core's L2

extension Engine {
  package func addReLU(_ a: Tensor, _ b: Tensor) throws(ScrlError) -> Tensor {
    try expectSame("add_relu", a, b)
    let result = try Tensor(uninitialized: a.shape, layout: a.layout)
    let (a, b, y) = (a.pointer, b.pointer, result.pointer)
    workers.ranges(result.count, grain: grain) { range in
      for i in range {
        let sum = a[i] + b[i]
        y[i] = sum < 0 ? 0 : sum
      }
    }
    return result
  }

  package func addReLUBackward(_ dy: Tensor, y: Tensor) throws(ScrlError) -> Tensor {
    try expectSame("add_relu_backward", y, dy)
    let result = try Tensor(uninitialized: y.shape, layout: y.layout)
    let (dy, y, dx) = (dy.pointer, y.pointer, result.pointer)
    workers.ranges(result.count, grain: grain) { range in
      for i in range { dx[i] = y[i] > 0 ? dy[i] : 0 }
    }
    return result
  }
}

/// destination += source.
package func accumulate(
  _ destination: Tensor, _ source: Tensor, _ workers: Workers
) throws(ScrlError) {
  try expectSame("accumulate", destination, source)
  let (to, from) = (destination.pointer, source.pointer)
  workers.ranges(destination.count, grain: grain) { range in
    for i in range { to[i] += from[i] }
  }
}
