// A ResNet for inference: its weights and running statistics as they were when it was made, every
// BatchNorm folded into its convolution, ReLU and residual addition done by the convolution.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct FoldedResNet {
  private let stem: FoldedConvolution
  private let pooling: PoolGeometry?
  private let stages: [[FoldedBlock]]
  private let engine: any Engine

  /// - Throws: `.diverged` for weights or statistics that are not finite.
  package init(_ net: ResNet, engine: any Engine) throws(ScrlError) {
    stem = try FoldedConvolution(net.conv1, net.bn1, engine)
    pooling = net.pooling
    self.engine = engine
    var stages: [[FoldedBlock]] = []
    for blocks in net.stages {
      var folded: [FoldedBlock] = []
      for block in blocks { folded.append(try FoldedBlock(block, engine)) }
      stages.append(folded)
    }
    self.stages = stages
  }

  /// x (N,3,H,W), blocked as the engine wants it → the feature map of a stage, (N,C,h,w).
  /// Later stages are not run.
  package func forward(_ x: Tensor, upTo stage: Stage) throws(ScrlError) -> Tensor {
    var y = try stem.forward(x, relu: true)
    if let pooling { y = try engine.maxPoolValues(y, pooling) }
    for block in stages[...stage.index].joined() { y = try block.forward(y) }
    return y
  }
}

private struct FoldedBlock {
  private let units: [FoldedConvolution]
  private let downsample: FoldedConvolution?

  init(_ block: ResidualBlock, _ engine: any Engine) throws(ScrlError) {
    var units: [FoldedConvolution] = []
    for unit in block.units {
      units.append(try FoldedConvolution(unit.convolution, unit.norm, engine))
    }
    self.units = units
    if let unit = block.downsample {
      downsample = try FoldedConvolution(unit.convolution, unit.norm, engine)
    } else {
      downsample = nil
    }
  }

  /// The last convolution may write over x, which nobody else reads then.
  func forward(_ x: Tensor) throws(ScrlError) -> Tensor {
    var branch = x
    for unit in units.dropLast() { branch = try unit.forward(branch, relu: true) }
    let identity = if let downsample { try downsample.forward(x, relu: false) } else { x }
    guard let last = units.last else { return identity }
    return try last.forward(branch, relu: true, adding: identity)
  }
}
