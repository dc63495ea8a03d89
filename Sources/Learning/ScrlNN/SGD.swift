// SGD with momentum as torch.optim.SGD and Detectron2 use it: weight decay on everything but the
// scales and shifts of norms. Not here: layer-wise rates (LARS).

import ScrlAutograd
import ScrlBase
import ScrlKernels

package final class SGD {
  package let buffers: [MomentumBuffer]  // in the order of the parameters
  private let momentum: Double
  private let weightDecay: Double
  private let workers: Workers

  package init(
    _ parameters: [NamedParameter], momentum: Double, weightDecay: Double, workers: Workers
  ) throws(ScrlError) {
    (self.momentum, self.weightDecay, self.workers) = (momentum, weightDecay, workers)
    var buffers: [MomentumBuffer] = []
    for entry in parameters {
      buffers.append(try MomentumBuffer(entry, isExcluded: entry.isOfNorm))
    }
    self.buffers = buffers
  }

  /// One step with the gradients of now, times `gradientScale`. Parameters without a gradient stay,
  /// momentum included, as in PyTorch.
  package func step(rate: Double, gradientScale: Double = 1) throws(ScrlError) {
    for buffer in buffers {
      guard let gradient = buffer.parameter.gradient else { continue }
      try larsSGDStep(
        weight: buffer.parameter.value.buffer, gradient: gradient.buffer,
        momentumBuffer: buffer.value.buffer, rate: rate, momentum: momentum,
        weightDecay: buffer.isExcluded ? 0 : weightDecay, trust: LARSOptions.trust,
        epsilon: LARSOptions.epsilon, adapt: false, gradientScale: Float(gradientScale), workers)
    }
  }
}

extension NamedParameter {
  fileprivate var isOfNorm: Bool {
    switch parameter.role {
    case .normScale, .normShift: true
    default: false
    }
  }
}
