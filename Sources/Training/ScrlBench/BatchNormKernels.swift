// BatchNorm's halves as a training step calls them, there on groups of images that stay in the
// cache, here on whole tensors. Where no ReLU follows, the residual sum normalises on the way.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension ElementwiseBench {
  /// - Parameter sums: residual sums of this shape, which take one norm's gradient sums themselves.
  func batchNorm(
    _ entry: Network.Norm, count uses: Int, sums: Int, isPooled: Bool
  ) throws(ScrlError) {
    let (s, relu) = (entry.shape, entry.relu)
    let (x, dy, out) = (try ring(s), try ring(s), try ring(s))
    let name = relu ? "batch_norm_relu" : "batch_norm"
    let norm = try self.norm(of: x[0], relu: relu)
    try clock.time(
      "batch_norm_moments", text(s), bytes(1, s), uses: config.forwardPasses * uses, ring: x.count
    ) { i throws(ScrlError) in
      _ = try engine.batchNormMoments(x[i])
    }
    if relu {
      // Convolutions' inputs are made again in the backward pass; the pooling's is not.
      let passes = config.forwardPasses + (isPooled ? 0 : 1)
      try clock.time(name, text(s), bytes(2, s), uses: passes * uses, ring: x.count) {
        i throws(ScrlError) in
        try engine.batchNormApply(x[i], norm, into: out[i])
      }
    }
    try clock.time(
      "\(name)_backward_sums", text(s), bytes(2, s), uses: relu ? uses : uses - sums, ring: x.count
    ) { i throws(ScrlError) in
      _ = try engine.batchNormBackwardSums(dy[i], x: x[i], norm)
    }
    let gradient = try engine.batchNormBackwardSums(dy[0], x: x[0], norm)
    try clock.time("\(name)_backward", text(s), bytes(3, s), uses: uses, ring: x.count) {
      i throws(ScrlError) in
      try engine.batchNormBackwardApply(dy[i], x: x[i], norm, gradient, into: out[i])
    }
  }

  /// With the statistics of x and some scale and shift.
  func norm(of x: Tensor, relu: Bool) throws(ScrlError) -> Norm {
    let channels = [x.shape[1]]
    return Norm(
      statistics: try BatchStatistics(moments: try engine.batchNormMoments(x), epsilon: 1e-5),
      scale: try samples(channels, seed: 1), shift: try samples(channels, seed: 2), relu: relu)
  }
}
