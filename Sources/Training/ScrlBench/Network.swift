// What one training step of a config runs: the shapes of its ResNet, and how often each comes.
// Not here: the heads' products; their share is small.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN

/// An activation of N images, square.
struct Shape: Equatable {
  let channels: Int
  let side: Int
}

struct ConvolutionLayer: Equatable {
  let geometry: ConvolutionGeometry
  let side: Int  // of its input
  let givesGradient: Bool  // false: its input is the image, whose gradient nobody wants

  /// A product and its addition are 2, whatever algorithm does them; all three passes cost the same.
  func flops(images: Int) throws(ScrlError) -> Double {
    let g = geometry
    let output = Double(try g.outputExtent(side))
    return 2 * Double(images) * output * output * Double(g.weightShape.reduce(1, *))
  }
}

/// Values and how often each came.
struct Tally<Value: Equatable> {
  private(set) var entries: [(value: Value, count: Int)] = []

  mutating func add(_ value: Value) {
    if let i = entries.firstIndex(where: { $0.value == value }) {
      entries[i].count += 1
    } else {
      entries.append((value, 1))
    }
  }
}

extension Tally {
  func count(of value: Value) -> Int { entries.first { $0.value == value }?.count ?? 0 }
}

/// Counts are of one forward pass.
package struct Network {
  struct Norm: Equatable {
    let shape: Shape
    let relu: Bool
  }

  private(set) var convolutions = Tally<ConvolutionLayer>()
  private(set) var norms = Tally<Norm>()
  private(set) var sums = Tally<Shape>()  // ends of residual blocks
  private(set) var joins = Tally<Shape>()  // gradients that meet, but at no residual sum
  private(set) var pooled: Shape?  // before the stem's max pooling
  private(set) var last = Shape(channels: 3, side: 0)

  /// Up to the stage that the config trains.
  package init(_ config: Config) throws(ScrlError) {
    last = Shape(channels: 3, side: config.viewSize)
    switch config.stem {
    case .imagenet:
      last = try add(outputs: 64, kernel: 7, stride: 2, relu: true, after: last)
      pooled = last
      let pooling = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
      last = Shape(channels: 64, side: try pooling.outputExtent(last.side))
    case .small:
      last = try add(outputs: 64, kernel: 3, stride: 1, relu: true, after: last)
    }
    for stage in Stage.allCases.prefix(config.trainedStage.index + 1) {
      for block in 0..<config.architecture.depths[stage.index] {
        try addBlock(config.architecture, stage, stride: block == 0 ? stage.firstStride : 1)
      }
    }
  }

  /// Of the convolutions of one image's forward pass.
  package func forwardFlops() throws(ScrlError) -> Double {
    try sum { layer throws(ScrlError) in try layer.flops(images: 1) }
  }

  /// Of the convolutions of a step: both views through each network, then back through one.
  package func stepFlops(_ config: Config) throws(ScrlError) -> Double {
    try sum { layer throws(ScrlError) in
      let passes = config.forwardPasses + (layer.givesGradient ? 2 : 1)
      return try layer.flops(images: config.stepViews) * Double(passes)
    }
  }

  private func sum(
    _ value: (ConvolutionLayer) throws(ScrlError) -> Double
  ) throws(ScrlError) -> Double {
    var total = 0.0
    for (layer, count) in convolutions.entries { total += try value(layer) * Double(count) }
    return total
  }

  private mutating func addBlock(
    _ architecture: Architecture, _ stage: Stage, stride: Int
  ) throws(ScrlError) {
    let input = last
    let (width, outputs) = (stage.width, architecture.channels(of: stage))
    if sums.entries.isEmpty { joins.add(input) }
    var y = input
    switch architecture.block {
    case .basic:
      y = try add(outputs: width, kernel: 3, stride: stride, relu: true, after: y)
      y = try add(outputs: outputs, kernel: 3, stride: 1, relu: false, after: y)
    case .bottleneck:
      y = try add(outputs: width, kernel: 1, stride: 1, relu: true, after: y)
      y = try add(outputs: width, kernel: 3, stride: stride, relu: true, after: y)
      y = try add(outputs: outputs, kernel: 1, stride: 1, relu: false, after: y)
    }
    if stride != 1 || input.channels != outputs {
      y = try add(outputs: outputs, kernel: 1, stride: stride, relu: false, after: input)
    }
    sums.add(y)
    last = y
  }

  /// A convolution and its BatchNorm; returns their output's shape.
  private mutating func add(
    outputs: Int, kernel: Int, stride: Int, relu: Bool, after x: Shape
  ) throws(ScrlError) -> Shape {
    let g = try ConvolutionGeometry(
      inputs: x.channels, outputs: outputs, kernel: kernel, stride: stride, padding: kernel / 2)
    convolutions.add(
      ConvolutionLayer(geometry: g, side: x.side, givesGradient: !convolutions.entries.isEmpty))
    let y = Shape(channels: outputs, side: try g.outputExtent(x.side))
    norms.add(Norm(shape: y, relu: relu))
    return y
  }
}

extension Config {
  /// Images in a pass of a step: both views of each.
  var stepViews: Int { 2 * batch }
  /// Of a step.
  var forwardPasses: Int { method.type.forwardPasses }
}
