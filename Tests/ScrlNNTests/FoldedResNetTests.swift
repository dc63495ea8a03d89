// BatchNorm folded into the convolutions against the layers one after another.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlNN

struct FoldedCase: CustomTestStringConvertible, Sendable {
  let architecture: Architecture
  let stem: Stem
  let images, height, width: Int
  var testDescription: String {
    "\(architecture) \(stem) on \(images)×\(height)×\(width)"
  }
}

private let cases = [
  (.resnet18, .imagenet, 1, 64, 64), (.resnet18, .imagenet, 3, 65, 49),
  (.resnet18, .small, 2, 9, 16), (.resnet50, .imagenet, 2, 33, 70),
  (.resnet50, .small, 1, 8, 11),
].map { (architecture: Architecture, stem: Stem, images: Int, height: Int, width: Int) in
  FoldedCase(
    architecture: architecture, stem: stem, images: images, height: height, width: width)
}

@Suite("Folded ResNet")
struct FoldedResNetTests {
  // As in ResNetTests: 21 or 54 layers whose rounding adds up to 3e-5 of the largest value. Here
  // both sides round, √2 times that, and the folded weights are rounded once more, by as much as
  // an operand of each product: 1e-4.
  @Test("equals the unfolded layers at every stage", arguments: TestEngine.all, cases)
  func stages(_ kind: TestEngine, _ c: FoldedCase) throws {
    let engine = try kind.make(Workers(2))
    let net = try network(c.architecture, c.stem, engine)
    let folded = try FoldedResNet(net, engine: engine)
    let x = try hashed("image", [c.images, 3, c.height, c.width], spread: 1.7)
      .blocked(engine.channelBlock(for: 3), workers: engine.workers)
    for stage in Stage.allCases {
      let got = try folded.forward(x, upTo: stage)
      let pass = Pass(engine: engine, mode: .inference)
      let want = try net.forward(x, upTo: stage, pass).value(engine)
      #expect(got.shape == want.shape && got.layout == want.layout)
      expectNear(
        try plainValues(got), try plainValues(want).map(Double.init), 1e-4, stage.rawValue)
    }
  }

  @Test("equals torchvision's features", arguments: TestEngine.all)
  func torchvision(_ kind: TestEngine) throws {
    let engine = try kind.make(Workers(2))
    for architecture in [Architecture.resnet18, .resnet50] {
      let folded = try FoldedResNet(network(architecture, .imagenet, engine), engine: engine)
      let x = try hashed("image", [1, 3, 64, 64], spread: 1.7)
        .blocked(engine.channelBlock(for: 3), workers: engine.workers)
      let expected = try fixture("nn/\(architecture.rawValue)_eval")
      let got = try folded.forward(x, upTo: .layer4)
      #expect(got.shape == expected.shape)
      expectNear(try plainValues(got), expected.values.map(Double.init), 1e-4)
    }
  }

  // With S = Σ|w·f·x| of an output's K = 288 products: each folded weight is rounded to 2⁻²⁴ of
  // it, and so is each partial sum, below S, with random signs √K·2⁻²⁴·S; the bias is one more
  // rounded number. oneDNN's kernels for AVX2 begin with the bias: S + |bias| bounds their partial
  // sums. The maps' mean is a hundred deviations here, which bias and products cancel.
  @Test("rounds as one convolution does, however far the mean", arguments: TestEngine.all)
  func oneLayer(_ kind: TestEngine) throws {
    let engine = try kind.make(Workers(2))
    var source = WeightSource(engine: engine, seed: 1)
    let layer = try Convolution(name: "c", inputs: 32, outputs: 16, kernel: 3, &source)
    let norm = try BatchNorm(name: "n", channels: 16, &source)
    for (state, values) in [
      (norm.scale as any StateTensor, numbers(16, tag: 1)), (norm.shift, numbers(16, tag: 2)),
      (norm.runningMean, numbers(16, tag: 3).map { 100 + $0 }),
      (norm.runningVariance, numbers(16, tag: 4).map { 1.5 + $0 }),
    ] { try state.assign(plain: try Tensor(values, shape: [16])) }
    let (x, w) = (numbers(32 * 25, tag: 5), try layer.weight.plain().array)
    let got = try plainValues(
      try FoldedConvolution(layer, norm, engine)
        .forward(try engine.activation(x, [1, 32, 5, 5]), relu: false))
    for o in 0..<16 {
      let v = Double(norm.runningVariance.value.pointer[o]) + Double(BatchNorm.epsilon)
      let f = Double(norm.scale.value.pointer[o]) / v.squareRoot()
      let bias =
        Double(norm.shift.value.pointer[o]) - Double(norm.runningMean.value.pointer[o]) * f
      for cell in 0..<9 {
        var (sum, size) = (0.0, 0.0)
        for k in 0..<288 {
          let (input, tap) = (k / 9, k % 9)
          let place = input * 25 + (cell / 3 + tap / 3) * 5 + cell % 3 + tap % 3
          let product = Double(w[o * 288 + k]) * f * Double(x[place])
          sum += product
          size += product.magnitude
        }
        let partial = kind == .openblas ? size : size + bias.magnitude
        let error = (Double(got[o * 9 + cell]) - (sum + bias)).magnitude
        #expect(error <= 0x1p-24 * (288.0.squareRoot() * partial + size + 2 * bias.magnitude))
      }
    }
  }

  @Test("is a copy: later weights do not show")
  func isCopy() throws {
    let engine = try testEngine()
    let net = try network(.resnet18, .small, engine)
    let folded = try FoldedResNet(net, engine: engine)
    let x = try engine.activation(numbers(3 * 64), [1, 3, 8, 8])
    let before = try folded.forward(x, upTo: .layer1).array
    for entry in net.contents().state {
      try entry.tensor.assign(plain: try Tensor(zeros: entry.tensor.plainShape))
    }
    #expect(try folded.forward(x, upTo: .layer1).array == before)
  }

  @Test("refuses weights and statistics that are not finite", arguments: ["weight", "variance"])
  func notFinite(_ what: String) throws {
    let engine = try testEngine()
    let net = try network(.resnet18, .small, engine)
    let name = what == "weight" ? "layer1.0.conv1.weight" : "layer1.0.bn1.running_var"
    let entry = try #require(net.contents().state.first { $0.name == name })
    let values = try entry.tensor.plain().copied()
    values.pointer[1] = what == "weight" ? .infinity : -1
    try entry.tensor.assign(plain: values)
    let error = #expect(throws: ScrlError.self) { _ = try FoldedResNet(net, engine: engine) }
    #expect(error?.code == .diverged)
    #expect(error?.message.contains("layer1.0.conv1.weight") == true)
  }

  private func network(
    _ architecture: Architecture, _ stem: Stem, _ engine: any Engine
  ) throws -> ResNet {
    var source = WeightSource(zeros: engine)
    let net = try ResNet(architecture, stem: stem, &source)
    try fill(net)
    return net
  }
}
