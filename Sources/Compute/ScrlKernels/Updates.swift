// Parameter updates over flat buffers. Every element's arithmetic is its own and norms are added
// in fixed chunks, so the bytes do not depend on the thread count.

import ScrlBase
import ScrlTensor

private let grain = 16_384  // elements per chunk

/// Σ x² in float64.
package func squaredNorm(
  _ x: UnsafeMutableBufferPointer<Float>, _ workers: Workers
) throws(ScrlError) -> Double {
  guard let from = x.baseAddress, x.count > 0 else { return 0 }
  var sum = 0.0
  let chunks = (x.count + grain - 1) / grain
  try withDoubleScratch(chunks) { partial in
    workers.ranges(x.count, grain: grain) { range in
      partial[range.lowerBound / grain] = squareSum(from + range.lowerBound, range.count)
    }
    for chunk in 0..<chunks { sum += partial[chunk] }
  }
  return sum
}

/// Sixteen running sums: one alone would wait for each addition.
private func squareSum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
  var sums = WideLanes()
  var i = 0
  while i &+ laneCount <= count {
    let value = widened(lanes(x, i))
    sums.addProduct(value, value)
    i &+= laneCount
  }
  var sum = sums.sum()
  while i < count {
    sum += Double(x[i]) * Double(x[i])
    i &+= 1
  }
  return sum
}

/// SGD with momentum and weight decay; with `adapt`, layer-wise rates (LARS, You et al. 2017).
///   g ← gradientScale·gradient; local = trust·‖w‖ / (‖g‖ + weightDecay·‖w‖ + ε), 1 where a norm
///   is 0 or without `adapt`; g ← (g + weightDecay·w)·local; v ← momentum·v + g; w ← w − rate·v,
///   with `nesterov` w ← w − rate·(g + momentum·v), as torch.optim.SGD writes it.
package func larsSGDStep(
  weight: UnsafeMutableBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>,
  momentumBuffer: UnsafeMutableBufferPointer<Float>, rate: Double, momentum: Double,
  weightDecay: Double, trust: Double, epsilon: Double, adapt: Bool, gradientScale: Float,
  nesterov: Bool = false, _ workers: Workers
) throws(ScrlError) {
  guard gradient.count == weight.count, momentumBuffer.count == weight.count else {
    throw ScrlError(
      .shape,
      "lars_sgd_step: got \(gradient.count) gradients, \(momentumBuffer.count) momenta · expected "
        + "\(weight.count)")
  }
  guard let w = weight.baseAddress, let g = gradient.baseAddress,
    let v = momentumBuffer.baseAddress
  else { return }
  var local = 1.0
  if adapt {
    let weightNorm = try squaredNorm(weight, workers).squareRoot()
    let gradientNorm =
      try squaredNorm(gradient, workers).squareRoot() * Double(gradientScale.magnitude)
    if weightNorm > 0, gradientNorm > 0 {
      local = trust * weightNorm / (gradientNorm + weightDecay * weightNorm + epsilon)
    }
  }
  let fromGradient = Float(local * Double(gradientScale))
  let fromWeight = Float(local * weightDecay)
  let (keep, step) = (Float(momentum), Float(rate))
  workers.ranges(weight.count, grain: grain) { range in
    for i in range {
      let change = fromGradient * g[i] + fromWeight * w[i]
      let velocity = keep * v[i] + change
      v[i] = velocity
      w[i] -= step * (nesterov ? change + keep * velocity : velocity)
    }
  }
}

/// target ← momentum·target + (1 − momentum)·online, written as target + (1 − m)·(online −
/// target): weights that agree stay as they are, however many steps pass.
package func emaUpdate(
  target: UnsafeMutableBufferPointer<Float>, online: UnsafeMutableBufferPointer<Float>,
  momentum: Double, _ workers: Workers
) throws(ScrlError) {
  guard target.count == online.count else {
    throw ScrlError(
      .shape, "ema_update: got \(online.count) online weights · expected \(target.count)")
  }
  guard let to = target.baseAddress, let from = online.baseAddress else { return }
  let part = Float(1 - momentum)
  workers.ranges(target.count, grain: grain) { range in
    if part == 1 {
      (to + range.lowerBound).update(from: from + range.lowerBound, count: range.count)
    } else {
      for i in range { to[i] += part * (from[i] - to[i]) }
    }
  }
}
