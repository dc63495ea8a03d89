// What follows a convolution that has no BatchNorm: a bias per channel and perhaps the ReLU, both
// in one pass over an output that is still in the cache; and the gradient. NaN stays NaN.
// Letters: N images, C channels in blocks of b, H×W cells.

import ScrlBase
import ScrlTensor

extension Engine {
  package func addBias(_ bias: Tensor, to y: Tensor, relu: Bool) throws(ScrlError) {
    let shape = try y.rowsShape("add_bias")
    try expectCount("add_bias", "bias", bias, shape.channels)
    let (to, shift) = (y.pointer, bias.pointer)
    if let panels = Panels(shape) {
      panels.sweep(workers) { offset, count, block in
        let lanes = repeated(shift + block * shape.block, shape.block)
        if relu {
          shiftLoop(to + offset, lanes, count, true)
        } else {
          shiftLoop(to + offset, lanes, count, false)
        }
      }
    } else {
      sweepRows(shape) { offset, channel, rows in
        for row in 0..<rows {
          finishCell(
            to + offset + row &* shape.block, shift + channel, nil, shape.block, relu: relu)
        }
      }
    }
    withExtendedLifetime(bias) {}
  }

  package func biasBackward(
    _ dy: Tensor, masking y: Tensor?, into d: Tensor
  ) throws(ScrlError) -> [Double] {
    let operation = "bias_backward"
    let shape = try dy.rowsShape(operation)
    try expectSame(operation, dy, d)
    if let y { try expectSame(operation, dy, y) }
    let (from, to, mask) = (UnsafePointer(dy.pointer), d.pointer, y?.pointer)
    var sums = [Double](repeating: 0, count: shape.channels)
    var none = sums
    if let panels = Panels(shape) {
      try panels.sum(workers, into: &sums, &none) { offset, count, _, lanes in
        if let mask {
          sumLoop(from + offset, mask + offset, true, count, to + offset, lanes)
        } else {
          sumLoop(from + offset, from + offset, false, count, to + offset, lanes)
        }
      }
    } else {
      try sumOverRows(shape, into: &sums, &none) { offset, _, rows, sums, _ in
        for row in 0..<rows {
          let start = offset &+ row &* shape.block
          if let mask {
            maskCell(from + start, mask + start, shape.block, to + start)
            addCell(to + start, shape.block, sums)
          } else {
            addCell(from + start, shape.block, sums)
          }
        }
      }
    }
    return sums
  }

  package func relu(_ x: Tensor, into y: Tensor) throws(ScrlError) {
    try expectSame("relu", x, y)
    let (from, to) = (x.pointer, y.pointer)
    workers.ranges(x.count, grain: 32_768) { range in
      for i in range { to[i] = from[i] < 0 ? 0 : from[i] }
    }
  }
}

/// y ← y + shift, or max(…, 0) of it, over a panel.
@inline(__always)
private func shiftLoop(
  _ y: UnsafeMutablePointer<Float>, _ shift: Lanes, _ count: Int, _ relu: Bool
) {
  var i = 0
  while i &+ laneCount <= count {
    var sum = lanes(y, i) + shift
    if relu { sum.replace(with: 0, where: sum .< 0) }
    store(sum, y, i)
    i &+= laneCount
  }
  for lane in 0..<count &- i {
    let sum = y[i &+ lane] + shift[lane]
    y[i &+ lane] = relu && sum < 0 ? 0 : sum
  }
}

/// Adds a panel's gradients to sixteen float64 sums; with a mask, d ← dy where y > 0, else 0.
@inline(__always)
private func sumLoop(
  _ dy: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ masks: Bool, _ count: Int,
  _ d: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Double>
) {
  var sum = wideLanes(sums, 0)
  var i = 0
  while i &+ laneCount <= count {
    var g = lanes(dy, i)
    if masks {
      g.replace(with: 0, where: .!(lanes(y, i) .> 0))
      store(g, d, i)
    }
    sum += widened(g)
    i &+= laneCount
  }
  store(sum, sums, 0)
  for lane in 0..<count &- i {
    let g = masks && !(y[i &+ lane] > 0) ? 0 : dy[i &+ lane]
    if masks { d[i &+ lane] = g }
    sums[lane] += Double(g)
  }
}

/// d ← dy where y > 0, else 0.
@inline(__always)
private func maskCell(
  _ dy: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int,
  _ d: UnsafeMutablePointer<Float>
) {
  for c in 0..<count { d[c] = y[c] > 0 ? dy[c] : 0 }
}

@inline(__always)
private func addCell(
  _ d: UnsafePointer<Float>, _ count: Int, _ sums: UnsafeMutablePointer<Double>
) {
  for c in 0..<count { sums[c] += Double(d[c]) }
}
