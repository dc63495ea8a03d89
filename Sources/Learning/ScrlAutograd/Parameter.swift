// What is learned. The value and its gradient lie in the engine's own order; the border speaks
// plain order (StateTensor). Gradients accumulate until clearGradient().

import ScrlBase
import ScrlKernels
import ScrlTensor

package final class Parameter: StateTensor {
  package enum Role: Equatable, Sendable {
    case convolutionWeight(ConvolutionGeometry)  // (O,I,h,w)
    case convolutionBias  // (O)
    case linearWeight  // (O,I)
    case linearBias  // (O)
    case normScale  // (C)
    case normShift  // (C)
  }

  package let name: String  // within its module: "layer1.0.conv1.weight"
  package let role: Role
  package let plainShape: [Int]
  package let value: Tensor  // engine order; written in place by optimisers
  package private(set) var gradient: Tensor?  // engine order; nil: zero
  package private(set) var version = 0
  private var gradientMemory: Tensor?  // reserved; in use while the gradient or a reader has it
  private let engine: any Engine  // whose order `value` is in

  /// - Parameter plain: the initial values, in plain order; the parameter takes the storage over.
  package init(
    name: String, role: Role, plain: Tensor, engine: any Engine
  ) throws(ScrlError) {
    self.name = name
    self.role = role
    self.engine = engine
    plainShape = plain.shape
    value = try Parameter.packed(plain, role, engine)
  }

  /// The tensor that gradients are added into, made of zeros at the first use.
  package func gradientSum() throws(ScrlError) -> Tensor {
    if let gradient { return gradient }
    let zeros = try zeroGradient()
    gradient = zeros
    return zeros
  }

  private func zeroGradient() throws(ScrlError) -> Tensor {
    guard gradientMemory?.isUnique() == true, let memory = gradientMemory else {
      return try Tensor(zeros: value.shape, layout: value.layout)
    }
    memory.pointer.update(repeating: 0, count: memory.count)
    return memory
  }

  /// Takes memory for the gradients to come, and keeps it. What lives as long as the parameters
  /// should lie beside them: among a step's activations it would cut free memory into pieces.
  package func reserveGradient() throws(ScrlError) {
    gradientMemory = try Tensor(uninitialized: value.shape, layout: value.layout)
  }

  package func clearGradient() { gradient = nil }

  package func plain() throws(ScrlError) -> Tensor { try plain(value) }

  package func assign(plain: Tensor) throws(ScrlError) {
    try overwrite(value, with: try packed(plain), name)
    version += 1
  }

  /// A tensor that lies like `value` (a gradient, a momentum buffer) in plain order.
  package func plain(_ tensor: Tensor) throws(ScrlError) -> Tensor {
    guard case .convolutionWeight(let geometry) = role else { return tensor }
    return try engine.unpackWeight(tensor, geometry)
  }

  /// A plain tensor in the order of `value`.
  package func packed(_ plain: Tensor) throws(ScrlError) -> Tensor {
    try Parameter.packed(try plain.reshaped(plainShape), role, engine)
  }

  private static func packed(
    _ plain: Tensor, _ role: Role, _ engine: any Engine
  ) throws(ScrlError) -> Tensor {
    guard case .convolutionWeight(let geometry) = role else { return plain }
    return try engine.packWeight(plain, geometry)
  }
}
