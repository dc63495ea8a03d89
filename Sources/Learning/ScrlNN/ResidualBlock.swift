// y = ReLU(branch(x) + identity(x)). Basic: 3×3, 3×3. Bottleneck: 1×1, 3×3 (strided), 1×1.
// The identity is x, or a strided 1×1 convolution and BatchNorm where extents change.

import ScrlAutograd
import ScrlBase

struct ResidualBlock: Module {
  struct Unit {
    let convolution: Convolution
    let norm: BatchNorm
  }

  let units: [Unit]  // conv1 bn1, conv2 bn2, …
  let downsample: Unit?

  init(
    name: String, kind: Architecture.Block, inputs: Int, width: Int, outputs: Int, stride: Int,
    _ source: inout WeightSource
  ) throws(ScrlError) {
    // (kernel, outputs, stride) of each convolution.
    let plan: [(Int, Int, Int)] =
      switch kind {
      case .basic: [(3, width, stride), (3, outputs, 1)]
      case .bottleneck: [(1, width, 1), (3, width, stride), (1, outputs, 1)]
      }
    var units: [Unit] = []
    var channels = inputs
    for (place, (kernel, outputs, stride)) in plan.enumerated() {
      units.append(
        try ResidualBlock.unit(
          "\(name).conv\(place + 1)", "\(name).bn\(place + 1)", channels, outputs, kernel, stride,
          &source))
      channels = outputs
    }
    self.units = units
    downsample =
      stride != 1 || inputs != outputs
      ? try ResidualBlock.unit(
        "\(name).downsample.0", "\(name).downsample.1", inputs, outputs, 1, stride, &source) : nil
  }

  func forward(_ x: Activation, _ pass: Pass) throws(ScrlError) -> Activation {
    var branch = x
    for (place, unit) in units.enumerated() {
      let y = try unit.convolution.forward(branch, pass)
      branch = try unit.norm.forward(y, relu: place < units.count - 1, pass)
    }
    guard let downsample else { return try pass.addReLU(branch, x, endOf: x) }
    let y = try downsample.convolution.forward(x, pass)
    return try pass.addReLU(
      branch, try downsample.norm.forward(y, relu: false, pass), endOf: x)
  }

  func collect(into contents: inout ModuleContents, prefix: String) {
    for unit in units + (downsample.map { [$0] } ?? []) {
      unit.convolution.collect(into: &contents, prefix: prefix)
      unit.norm.collect(into: &contents, prefix: prefix)
    }
  }

  private static func unit(
    _ convolution: String, _ norm: String, _ inputs: Int, _ outputs: Int, _ kernel: Int,
    _ stride: Int, _ source: inout WeightSource
  ) throws(ScrlError) -> Unit {
    Unit(
      convolution: try Convolution(
        name: convolution, inputs: inputs, outputs: outputs, kernel: kernel, stride: stride,
        padding: kernel / 2, &source),
      norm: try BatchNorm(name: norm, channels: outputs, &source))
  }
}
