// LARS (You, Gitman, Ginsburg 2017): SGD with momentum whose step on each parameter is scaled
// by trust·‖w‖/‖g‖. Some parameters are excluded from the scaling and from weight decay: they
// take a plain SGD step. Which ones, and at which rate, differs between the paper's description
// and the official code; `Quirks` chooses. Without
// adaptation it is torch.optim.SGD: the supervised baseline's.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor

/// Where the official code does something else than the paper says.
package enum Quirks: String, CaseIterable, Sendable { case corrected, official }

package struct LARSOptions: Equatable, Sendable {
  package static let trust = 0.001
  package static let epsilon = 1e-8

  package let momentum: Double
  package let weightDecay: Double
  package let quirks: Quirks
  /// false: plain SGD with weight decay on every parameter; nothing is excluded.
  package let adapts: Bool

  package init(
    momentum: Double = 0.9, weightDecay: Double, quirks: Quirks = .corrected, adapts: Bool = true
  ) throws(ScrlError) {
    guard momentum >= 0, momentum < 1, weightDecay >= 0, weightDecay.isFinite else {
      throw ScrlError(
        .config,
        "lars: got momentum \(momentum), weight decay \(weightDecay) · expected 0 ≤ momentum < 1, "
          + "weight decay ≥ 0")
    }
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.quirks = quirks
    self.adapts = adapts
  }
}

package final class LARS {
  package let options: LARSOptions
  package let buffers: [MomentumBuffer]  // in the order of the parameters
  private let workers: Workers

  package init(
    _ parameters: [NamedParameter], _ options: LARSOptions, workers: Workers
  ) throws(ScrlError) {
    self.options = options
    self.workers = workers
    var buffers: [MomentumBuffer] = []
    for entry in parameters {
      buffers.append(try MomentumBuffer(entry, isExcluded: entry.isExcluded(options.quirks)))
    }
    self.buffers = buffers
  }

  /// One step with the gradients of now. Parameters without a gradient stay, momentum included,
  /// as in PyTorch.
  package func step(rate: Double) throws(ScrlError) {
    for buffer in buffers {
      guard let gradient = buffer.parameter.gradient else { continue }
      try apply(gradient, buffer, rate)
    }
  }

  private func apply(
    _ gradient: Tensor, _ buffer: MomentumBuffer, _ rate: Double
  ) throws(ScrlError) {
    let isExcluded = options.adapts && buffer.isExcluded
    // The official code multiplies an excluded gradient by the rate, and SGD does it again.
    let gradientScale = isExcluded && options.quirks == .official ? Float(rate) : 1
    try larsSGDStep(
      weight: buffer.parameter.value.buffer, gradient: gradient.buffer,
      momentumBuffer: buffer.value.buffer, rate: rate, momentum: options.momentum,
      weightDecay: isExcluded ? 0 : options.weightDecay, trust: LARSOptions.trust,
      epsilon: LARSOptions.epsilon, adapt: options.adapts && !isExcluded,
      gradientScale: gradientScale, workers)
  }
}

/// The velocity of one parameter; its name is the parameter's full name.
package final class MomentumBuffer: StateTensor {
  package let name: String
  package let isExcluded: Bool  // from LARS scaling and weight decay
  let parameter: Parameter
  let value: Tensor  // in the order of the parameter's value
  package private(set) var version = 0

  init(_ entry: NamedParameter, isExcluded: Bool) throws(ScrlError) {
    name = entry.name
    parameter = entry.parameter
    self.isExcluded = isExcluded
    value = try Tensor(zeros: parameter.value.shape, layout: parameter.value.layout)
  }

  package var plainShape: [Int] { parameter.plainShape }

  package func plain() throws(ScrlError) -> Tensor { try parameter.plain(value) }

  package func assign(plain: Tensor) throws(ScrlError) {
    try overwrite(value, with: try parameter.packed(plain), name)
    version += 1
  }
}

extension NamedParameter {
  /// Corrected: every bias and every BatchNorm parameter. Official: names that contain "bn" or
  /// "bias", which misses the BatchNorm weights of the stem, the downsamples and the heads.
  package func isExcluded(_ quirks: Quirks) -> Bool {
    switch quirks {
    case .corrected:
      switch parameter.role {
      case .convolutionWeight, .linearWeight: return false
      case .convolutionBias, .linearBias, .normScale, .normShift: return true
      }
    case .official:
      let official = officialName(name)
      return official.contains("bn") || official.contains("bias")
    }
  }
}
