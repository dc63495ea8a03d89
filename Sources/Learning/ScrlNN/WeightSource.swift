// Where initial values come from. Each parameter draws from its own streams, addressed by its
// place in the order of construction: adding a head does not move the encoder's weights.

import Glibc
import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor

package struct WeightSource {
  /// How the values of one parameter are drawn.
  enum Distribution {
    case constant(Float)
    case normal(deviation: Double)
    case uniform(bound: Double)
  }

  package let engine: any Engine
  private let seed: UInt64?  // nil: zeros in place of random values
  private let use: RandomStream.Use
  private var index: Int

  /// - Parameters:
  ///   - use: `.weights` for the online network, `.targetWeights` for a target of its own.
  ///   - firstIndex: the place of the first parameter; modules apart in it never share a stream.
  package init(
    engine: any Engine, seed: UInt64, use: RandomStream.Use = .weights, firstIndex: Int = 0
  ) {
    self.engine = engine
    self.seed = seed
    self.use = use
    index = firstIndex
  }

  /// Zeros wherever values would be random: for a model that is about to be loaded.
  package init(zeros engine: any Engine) {
    self.engine = engine
    seed = nil
    use = .weights
    index = 0
  }

  mutating func parameter(
    _ name: String, _ role: Parameter.Role, _ shape: [Int], _ distribution: Distribution
  ) throws(ScrlError) -> Parameter {
    let values = try Tensor(uninitialized: shape)
    fill(values, distribution)
    index += 1
    return try Parameter(name: name, role: role, plain: values, engine: engine)
  }

  private func fill(_ values: Tensor, _ distribution: Distribution) {
    switch (distribution, seed) {
    case (.constant(let value), _): values.pointer.update(repeating: value, count: values.count)
    case (_, nil): values.pointer.update(repeating: 0, count: values.count)
    case (.normal(let deviation), let seed?):
      eachChunk(values, seed) { fillNormal($0, deviation, &$1) }
    case (.uniform(let bound), let seed?):
      eachChunk(values, seed) { fillUniform($0, bound, &$1) }
    }
  }

  /// Chunks have streams of their own (the address's epoch is free here), so that threads share
  /// the work and their number changes nothing.
  private func eachChunk(
    _ values: Tensor, _ seed: UInt64,
    _ body: (UnsafeMutableBufferPointer<Float>, inout RandomStream) -> Void
  ) {
    let grain = 1 << 16
    engine.workers.ranges(values.count, grain: grain) { range in
      var stream = RandomStream(
        seed: seed, epoch: range.lowerBound / grain, sample: index, use: use)
      body(UnsafeMutableBufferPointer(rebasing: values.buffer[range]), &stream)
    }
  }
}

private func fillUniform(
  _ values: UnsafeMutableBufferPointer<Float>, _ bound: Double, _ stream: inout RandomStream
) {
  draw(values, &stream) { values, uniforms in
    for i in values.indices { values[i] = Float(2 * bound * uniforms[i] - bound) }
  }
}

/// Box & Muller 1958: two uniforms make two independent normals.
private func fillNormal(
  _ values: UnsafeMutableBufferPointer<Float>, _ deviation: Double, _ stream: inout RandomStream
) {
  draw(values, &stream) { values, uniforms in
    for i in stride(from: 0, to: values.count, by: 2) {
      // 1 − u is in (0, 1]: the logarithm is finite.
      let radius = deviation * (-2 * log(1 - uniforms[i])).squareRoot()
      let angle = 2 * Double.pi * uniforms[i + 1]
      values[i] = Float(radius * cos(angle))
      if i + 1 < values.count { values[i + 1] = Float(radius * sin(angle)) }
    }
  }
}

/// Calls body(values, uniforms) for part after part of the values, with a uniform for each, and one
/// more where their number is odd.
private func draw(
  _ values: UnsafeMutableBufferPointer<Float>, _ stream: inout RandomStream,
  _ body: (UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Double>) -> Void
) {
  let most = 512
  withUnsafeTemporaryAllocation(of: Double.self, capacity: most) { room in
    for start in stride(from: 0, to: values.count, by: most) {
      let part = values[start..<min(start + most, values.count)]
      let uniforms = UnsafeMutableBufferPointer(rebasing: room[..<(part.count + part.count % 2)])
      stream.fill(uniforms)
      body(UnsafeMutableBufferPointer(rebasing: part), uniforms)
    }
  }
}
