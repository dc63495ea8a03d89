// Every convolution shape of a network and each of its passes: equal to another engine's first,
// at the very extents that are timed afterwards, because an engine may choose its algorithm by them.

import ScrlBase
import ScrlKernels
import ScrlTensor

struct ConvolutionBench<E: Engine> {
  let engine: E
  let other: (any Engine)?  // nil: there is none to compare with
  let images: Int
  let forwardPasses: Int  // of a step
  let clock: Stopwatch

  func run(_ layer: ConvolutionLayer, count: Int) throws(ScrlError) {
    let g = layer.geometry
    let output = try g.outputExtent(layer.side)
    let passes = ConvolutionPass.allCases.filter { $0 != .backwardData || layer.givesGradient }
    let x = try samples([images, g.inputs, layer.side, layer.side], seed: 1)
    let dy = try samples([images, g.outputs, output, output], seed: 2)
    let weight = try samples(g.weightShape, seed: 3)
    let text =
      "\(images)x\(g.inputs)x\(layer.side)x\(layer.side) to \(g.outputs), "
      + "\(g.kernel)x\(g.kernel)/\(g.stride)"
    var ring = [try engine.operands(layer, x: x, dy: dy, weight: weight)]
    if let other {
      let theirs = try other.operands(layer, x: x, dy: dy, weight: weight)
      for pass in passes { try compare(pass, layer, text, ring[0], other, theirs) }
    }
    while ring.count < ringLength(elements: x.count + dy.count) {
      let first = ring[0]
      ring.append(
        ConvolutionOperands(
          x: try samples(x.shape, layout: first.x.layout, seed: ring.count),
          dy: try samples(dy.shape, layout: first.dy.layout, seed: ring.count),
          weight: first.weight, dWeight: first.dWeight))
    }
    let work = Work.flops(try layer.flops(images: images))
    var results = ring.map(\.dWeight)  // kept for a turn, so that the pool hands out cold memory
    for pass in passes {
      let uses = pass == .forward ? forwardPasses * count : count
      try clock.time(
        pass.rawValue, text, work, uses: uses, ring: ring.count, isChecked: other != nil
      ) { i throws(ScrlError) in
        results[i] = try engine.run(pass, layer, ring[i])
      }
    }
  }

  /// u = 2⁻²⁴. A sum of K products in any order is off by at most about u·√K of its size (a random
  /// walk of roundings); Winograd's transforms add some tens of roundings. A lost tap, row or block
  /// shows as 1e-3 and more, beside operands rounded to bfloat16 as 1e-2.
  private func compare(
    _ pass: ConvolutionPass, _ layer: ConvolutionLayer, _ shape: String,
    _ mine: ConvolutionOperands, _ other: any Engine, _ theirs: ConvolutionOperands
  ) throws(ScrlError) {
    let got = try engine.plain(try engine.run(pass, layer, mine), of: pass, layer)
    let want = try other.plain(try other.run(pass, layer, theirs), of: pass, layer)
    let depth = Double(try pass.depth(layer, images: images))
    let tolerance = 0x1p-24 * (32 + depth.squareRoot()) + 2 * engine.operandRounding
    let distance = relativeDistance(got, want)
    guard distance <= tolerance else {
      throw ScrlError(
        .internal,
        "\(pass.rawValue) \(shape): \(engine.name) is \(distance) off \(other.name) · "
          + "expected at most \(tolerance)")
    }
  }
}

/// ‖a − b‖ / ‖b‖ in float64; infinite for other shapes.
private func relativeDistance(_ a: Tensor, _ b: Tensor) -> Double {
  guard a.shape == b.shape else { return .infinity }
  var (difference, size) = (0.0, 0.0)
  for i in 0..<a.count {
    let (x, y) = (Double(a.pointer[i]), Double(b.pointer[i]))
    difference += (x - y) * (x - y)
    size += y * y
  }
  return (difference / size).squareRoot()
}
