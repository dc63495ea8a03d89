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
    let past = goesPastCaches(result.count)
    workers.ranges(result.count, grain: grain) { range in
      let (a, b, y) = (a + range.lowerBound, b + range.lowerBound, y + range.lowerBound)
      if past { add(a, b, range.count, y, true) } else { add(a, b, range.count, y, false) }
      endStores(past: past)
    }
    return result
  }

  package func addReLUBackward(_ dy: Tensor, y: Tensor) throws(ScrlError) -> Tensor {
    try expectSame("add_relu_backward", y, dy)
    let result = try Tensor(uninitialized: y.shape, layout: y.layout)
    let (dy, y, dx) = (dy.pointer, y.pointer, result.pointer)
    let past = goesPastCaches(result.count)
    workers.ranges(result.count, grain: grain) { range in
      let (dy, y, dx) = (dy + range.lowerBound, y + range.lowerBound, dx + range.lowerBound)
      if past { mask(dy, y, range.count, dx, true) } else { mask(dy, y, range.count, dx, false) }
      endStores(past: past)
    }
    return result
  }
}

/// y = max(a + b, 0)
@inline(__always)
private func add(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int,
  _ y: UnsafeMutablePointer<Float>, _ past: Bool
) {
  var i = 0
  while i &+ laneCount <= count {
    var sum = lanes(a, i) + lanes(b, i)
    sum.replace(with: 0, where: sum .< 0)
    store(sum, y, i, past: past)
    i &+= laneCount
  }
  while i < count {
    let sum = a[i] + b[i]
    y[i] = sum < 0 ? 0 : sum
    i &+= 1
  }
}

/// dx = dy where y > 0, else 0
@inline(__always)
private func mask(
  _ dy: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int,
  _ dx: UnsafeMutablePointer<Float>, _ past: Bool
) {
  var i = 0
  while i &+ laneCount <= count {
    var d = lanes(dy, i)
    d.replace(with: 0, where: .!(lanes(y, i) .> 0))
    store(d, dx, i, past: past)
    i &+= laneCount
  }
  while i < count {
    dx[i] = y[i] > 0 ? dy[i] : 0
    i &+= 1
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
