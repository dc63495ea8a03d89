// The end of a residual block: y = max(a + b, 0), where a and b may be convolutions' outputs that
// are normalised on the way; and its gradient. NaN stays NaN: a diverged run must be seen.

import ScrlBase
import ScrlTensor

/// One side of a sum: x as it lies, or normalised (without a ReLU).
package struct Addend {
  package let x: Tensor
  package let norm: Norm?
  package init(_ x: Tensor, _ norm: Norm? = nil) { (self.x, self.norm) = (x, norm) }
}

extension Engine {
  package func addReLU(_ a: Addend, _ b: Addend, into y: Tensor) throws(ScrlError) {
    try expectSame("add_relu", a.x, b.x)
    try expectSame("add_relu", a.x, y)
    let shape = try y.rowsShape("add_relu")
    let (one, two) = (try a.channels(shape), try b.channels(shape))
    let (a, b, y) = (a.x.pointer, b.x.pointer, y.pointer)
    if let panels = Panels(shape) {
      panels.sweep(workers) { offset, count, block in
        addLanes(
          a + offset, one.map { NormLanes($0, block) }, b + offset,
          two.map { NormLanes($0, block) }, count, y + offset)
      }
    } else {
      sweepRows(shape) { offset, channel, rows in
        let (a, b, y) = (a + offset, b + offset, y + offset)
        let count = rows * shape.block
        if let one { one.normalize(a, rows, channel, false, into: y) }
        let from = one == nil ? a : y
        guard let two else { return addLanes(from, nil, b, nil, count, y) }
        two.addNormalised(b, from, rows, channel, into: y)
      }
    }
    withExtendedLifetime((one, two)) {}
  }

  /// In place: dy ← dy (+ more) where y > 0, else 0: the gradient of both sides.
  /// - Parameter side: one whose norm's gradient sums are taken on the way.
  package func addReLUBackward(
    _ dy: Tensor, adding more: Tensor?, y: Tensor, sumsOf side: Addend?
  ) throws(ScrlError) -> BatchGradientSums? {
    let operation = "add_relu_backward"
    try expectSame(operation, y, dy)
    if let more { try expectSame(operation, y, more) }
    let (d, more, out) = (dy.pointer, more?.pointer, y.pointer)
    guard let side, let norm = side.norm else {
      workers.ranges(y.count, grain: 32_768) { range in
        maskGradient(
          d + range.lowerBound, more.map { $0 + range.lowerBound }, out + range.lowerBound,
          range.count)
      }
      return nil
    }
    try expectSame(operation, y, side.x)
    let shape = try y.rowsShape(operation)
    let channels = try NormChannels(operation, shape, norm)
    let x = side.x.pointer
    var sums = BatchGradientSums(zeros: shape.channels)
    if let panels = Panels(shape) {
      try panels.sum(workers, into: &sums.dShift, &sums.dScale) { offset, count, block, lanes in
        maskGradient(d + offset, more.map { $0 + offset }, out + offset, count)
        NormLanes(channels, block).addGradients(d + offset, x + offset, count, false, lanes)
      }
    } else {
      try sumOverRows(shape, into: &sums.dShift, &sums.dScale) {
        offset, channel, rows, sum, product in
        maskGradient(d + offset, more.map { $0 + offset }, out + offset, rows * shape.block)
        channels.addGradients(d + offset, x + offset, rows, channel, false, sum, product)
      }
    }
    channels.finishSums(&sums.dScale)
    return sums
  }
}

extension Addend {
  fileprivate func channels(_ shape: ActivationShape) throws(ScrlError) -> NormChannels? {
    guard let norm else { return nil }
    guard !norm.relu else {
      throw ScrlError(.internal, "add_relu: got a side with a ReLU of its own · expected none")
    }
    return try NormChannels("add_relu", shape, norm)
  }
}

extension NormChannels {
  /// y = max(a + norm(x), 0)
  fileprivate func addNormalised(
    _ x: UnsafePointer<Float>, _ a: UnsafePointer<Float>, _ rows: Int, _ channel: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    let (mean, factor, shift) = (mean + channel, factor.pointer + channel, shift + channel)
    for row in 0..<rows {
      let (x, a, y) = (x + row &* width, a + row &* width, y + row &* width)
      for c in 0..<width {
        let sum = a[c] + shift[c].addingProduct(x[c] - mean[c], factor[c])
        y[c] = sum < 0 ? 0 : sum
      }
    }
  }
}

/// y = max(a + b, 0), each side normalised where it has a norm.
private func addLanes(
  _ a: UnsafePointer<Float>, _ one: NormLanes?, _ b: UnsafePointer<Float>, _ two: NormLanes?,
  _ count: Int, _ y: UnsafeMutablePointer<Float>
) {
  switch (one, two) {
  case (let one?, let two?): addLoop(a, one, true, b, two, true, count, y)
  case (let one?, nil): addLoop(a, one, true, b, one, false, count, y)
  case (nil, let two?): addLoop(a, two, false, b, two, true, count, y)
  case (nil, nil): addLoop(a, .none, false, b, .none, false, count, y)
  }
}

@inline(__always)
private func addLoop(
  _ a: UnsafePointer<Float>, _ one: NormLanes, _ usesOne: Bool, _ b: UnsafePointer<Float>,
  _ two: NormLanes, _ usesTwo: Bool, _ count: Int, _ y: UnsafeMutablePointer<Float>
) {
  var i = 0
  while i &+ laneCount <= count {
    let (p, q) = (lanes(a, i), lanes(b, i))
    var sum = (usesOne ? one.value(p) : p) + (usesTwo ? two.value(q) : q)
    sum.replace(with: 0, where: sum .< 0)
    store(sum, y, i)
    i &+= laneCount
  }
  for lane in 0..<count &- i {
    let (p, q) = (a[i &+ lane], b[i &+ lane])
    let sum = (usesOne ? one.value(p, lane) : p) + (usesTwo ? two.value(q, lane) : q)
    y[i &+ lane] = sum < 0 ? 0 : sum
  }
}

/// d ← d (+ more) where y > 0, else 0
private func maskGradient(
  _ d: UnsafeMutablePointer<Float>, _ more: UnsafePointer<Float>?, _ y: UnsafePointer<Float>,
  _ count: Int
) {
  if let more { maskLoop(d, more, true, y, count) } else { maskLoop(d, d, false, y, count) }
}

@inline(__always)
private func maskLoop(
  _ d: UnsafeMutablePointer<Float>, _ more: UnsafePointer<Float>, _ adds: Bool,
  _ y: UnsafePointer<Float>, _ count: Int
) {
  var i = 0
  while i &+ laneCount <= count {
    var sum = lanes(d, i)
    if adds { sum += lanes(more, i) }
    sum.replace(with: 0, where: .!(lanes(y, i) .> 0))
    store(sum, d, i)
    i &+= laneCount
  }
  while i < count {
    d[i] = y[i] > 0 ? (adds ? d[i] + more[i] : d[i]) : 0
    i &+= 1
  }
}

/// destination += source.
package func accumulate(
  _ destination: Tensor, _ source: Tensor, _ workers: Workers
) throws(ScrlError) {
  try expectSame("accumulate", destination, source)
  let (to, from) = (destination.pointer, source.pointer)
  workers.ranges(destination.count, grain: 32_768) { range in
    for i in range { to[i] += from[i] }
  }
}
