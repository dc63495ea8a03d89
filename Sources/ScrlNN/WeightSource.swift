// Where initial values come from. Each parameter draws from its own stream, addressed by its
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
    if case .constant(let value) = distribution {
      values.pointer.update(repeating: value, count: values.count)
      return
    }
    guard let seed else {
      values.pointer.update(repeating: 0, count: values.count)
      return
    }
    var stream = RandomStream(seed: seed, sample: index, use: use)
    switch distribution {
    case .constant: break
    case .normal(let deviation): fillNormal(values, deviation, &stream)
    case .uniform(let bound):
      for i in 0..<values.count {
        values.pointer[i] = Float(stream.uniform(in: -bound...bound))
      }
    }
  }

  /// Box & Muller 1958: two uniforms make two independent normals.
  private func fillNormal(_ values: Tensor, _ deviation: Double, _ stream: inout RandomStream) {
    var i = 0
    while i < values.count {
      // 1 − u is in (0, 1]: the logarithm is finite.
      let radius = deviation * (-2 * log(1 - stream.uniform())).squareRoot()
      let angle = 2 * Double.pi * stream.uniform()
      values.pointer[i] = Float(radius * cos(angle))
      if i + 1 < values.count { values.pointer[i + 1] = Float(radius * sin(angle)) }
      i += 2
    }
  }
}
