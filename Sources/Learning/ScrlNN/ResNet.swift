// The encoder: torchvision's ResNet without its classifier, names and order included.
// Letters: N images, C channels, H×W pixels or cells.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor

package struct ResNet: Module {
  package let architecture: Architecture
  package let stem: Stem
  let conv1: Convolution
  let bn1: BatchNorm
  let pooling: PoolGeometry?
  let stages: [[ResidualBlock]]

  package init(
    _ architecture: Architecture, stem: Stem = .imagenet, _ source: inout WeightSource
  ) throws(ScrlError) {
    self.architecture = architecture
    self.stem = stem
    let width = Stage.layer1.width
    switch stem {
    case .imagenet:
      conv1 = try Convolution(
        name: "conv1", inputs: 3, outputs: width, kernel: 7, stride: 2, padding: 3, &source)
      pooling = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
    case .small:
      conv1 = try Convolution(
        name: "conv1", inputs: 3, outputs: width, kernel: 3, padding: 1, &source)
      pooling = nil
    }
    bn1 = try BatchNorm(name: "bn1", channels: width, &source)
    stages = try ResNet.makeStages(architecture, inputs: width, &source)
  }

  package func channels(of stage: Stage) -> Int { architecture.channels(of: stage) }

  /// Pixels per cell of a stage's feature map.
  package func stride(of stage: Stage) -> Int { stem.stride(of: stage) }

  /// Cells of a stage's feature map along a side of the given pixels.
  package func extent(of stage: Stage, pixels: Int) throws(ScrlError) -> Int {
    var extent = try conv1.geometry.outputExtent(pixels)
    if let pooling { extent = try pooling.outputExtent(extent) }
    // Every strided 3×3 convolution with padding 1 halves, rounding up.
    for _ in 0..<stage.index { extent = (extent + 1) / 2 }
    return extent
  }

  /// x (N,3,H,W), blocked as the engine wants it → the feature map of a stage, (N,C,h,w).
  /// Later stages are not run.
  package func forward(
    _ x: Tensor, upTo stage: Stage, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    var y = try runStem(x, pass)
    for earlier in Stage.allCases[...stage.index] { y = try run(earlier, y, pass) }
    return y
  }

  /// x (N,3,H,W), blocked as the engine wants it → what the first stage reads. One step at a time,
  /// each may have a pass of its own: frozen steps one without a tape.
  package func runStem(_ x: Tensor, _ pass: Pass) throws(ScrlError) -> Activation {
    let y = try bn1.forward(try conv1.forward(Activation(x), pass), relu: true, pass)
    guard let pooling else { return y }
    return try pass.maxPool(y, pooling)
  }

  /// The map of a stage from the map of the stage before.
  package func run(
    _ stage: Stage, _ x: Activation, _ pass: Pass
  ) throws(ScrlError) -> Activation {
    var y = x
    for block in stages[stage.index] { y = try block.forward(y, pass) }
    return y
  }

  package func collect(into contents: inout ModuleContents, prefix: String) {
    conv1.collect(into: &contents, prefix: prefix)
    bn1.collect(into: &contents, prefix: prefix)
    for block in stages.joined() { block.collect(into: &contents, prefix: prefix) }
  }

  private static func makeStages(
    _ architecture: Architecture, inputs: Int, _ source: inout WeightSource
  ) throws(ScrlError) -> [[ResidualBlock]] {
    var stages: [[ResidualBlock]] = []
    var channels = inputs
    for stage in Stage.allCases {
      var blocks: [ResidualBlock] = []
      for place in 0..<architecture.depths[stage.index] {
        blocks.append(
          try ResidualBlock(
            name: "\(stage.rawValue).\(place)", kind: architecture.block, inputs: channels,
            width: stage.width, outputs: architecture.channels(of: stage),
            stride: place == 0 ? stage.firstStride : 1, &source))
        channels = architecture.channels(of: stage)
      }
      stages.append(blocks)
    }
    return stages
  }
}
