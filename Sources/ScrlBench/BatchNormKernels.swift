// BatchNorm's entry points as a training step calls them.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension ElementwiseBench {
  func batchNorm(
    _ norm: Network.Norm, count uses: Int, isPooled: Bool
  ) throws(ScrlError) {
    let (s, relu) = (norm.shape, norm.relu)
    let (x, dy) = (try ring(s), try ring(s))
    let (scale, shift) = (try samples([s.channels], seed: 1), try samples([s.channels], seed: 2))
    let (dScale, dShift) = (try Tensor(zeros: [s.channels]), try Tensor(zeros: [s.channels]))
    let name = relu ? "batch_norm_relu" : "batch_norm"
    var out = x
    let (_, statistics) = try engine.batchNorm(
      x[0], scale: scale, shift: shift, epsilon: 1e-5, relu: relu)
    try clock.time(
      name, text(s), bytes(2, s), uses: config.forwardPasses * uses, ring: x.count
    ) { i throws(ScrlError) in
      out[i] =
        try engine.batchNorm(x[i], scale: scale, shift: shift, epsilon: 1e-5, relu: relu).y
    }
    try clock.time("\(name)_backward", text(s), bytes(3, s), uses: uses, ring: x.count) {
      i throws(ScrlError) in
      out[i] = try engine.batchNormBackward(
        dy[i], x: x[i], statistics: statistics, scale: scale, shift: shift, relu: relu,
        into: dScale, dShift)
    }
    // Convolutions' inputs are made again in the backward pass; the pooling's is not.
    guard relu, !isPooled else { return }
    try clock.time("\(name)_again", text(s), bytes(2, s), uses: uses, ring: x.count) {
      i throws(ScrlError) in
      out[i] = try engine.batchNormApply(
        x[i], statistics: statistics, scale: scale, shift: shift, relu: relu)
    }
  }
}
