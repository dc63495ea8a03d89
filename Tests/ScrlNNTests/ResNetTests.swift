// The encoder against torchvision: names, shapes, features, gradients.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlNN

@Suite("ResNet")
struct ResNetTests {
  @Test("Names, order and shapes are torchvision's", arguments: Architecture.allCases)
  func names(_ architecture: Architecture) throws {
    var source = WeightSource(zeros: try testEngine())
    let contents = try ResNet(architecture, &source).contents(prefix: "encoder.")
    let ours = contents.state.map { entry in
      ([entry.name] + entry.tensor.plainShape.map(String.init)).joined(separator: " ")
    }
    let theirs = try fixtureText("nn/\(architecture.rawValue).txt")
      .split(separator: "\n").map { "encoder." + $0 }
    #expect(ours == theirs)
  }

  // 21 and 54 rounded layers whose sums have up to 4608 terms: each adds about √4608·2⁻²⁴ = 4e-6
  // of its largest value, in quadrature 3e-5; 1e-4 of the largest feature.
  @Test(
    "Features equal torchvision's with running statistics",
    arguments: [Architecture.resnet18, .resnet50])
  func features(_ architecture: Architecture) throws {
    let engine = try testEngine()
    var source = WeightSource(zeros: engine)
    let net = try ResNet(architecture, &source)
    try fill(net)
    let y = try net.forward(
      try image(1, 64, engine), upTo: .layer4, Pass(engine: engine, mode: .inference))
    let expected = try fixture("nn/\(architecture.rawValue)_eval")
    #expect(y.shape == expected.shape)
    expectNear(
      try y.value(engine).plain(workers: engine.workers).array, expected.values.map(Double.init),
      1e-4)
  }

  // As above for 21 layers, 2e-5; the last stage's statistics are of 18 rows, whose errors do not
  // average out: 3 times that in the features, and again in the gradients.
  @Test("ResNet-18 in training: features, running statistics and gradients equal torchvision's")
  func training() throws {
    let engine = try testEngine()
    var source = WeightSource(zeros: engine)
    let net = try ResNet(.resnet18, &source)
    try fill(net)
    let tape = Tape()
    let y = try net.forward(
      try image(2, 96, engine), upTo: .layer4, Pass(engine: engine, tape: tape, mode: .training))
    let block = engine.channelBlock(for: y.shape[1])
    let dy = try hashed("dy", y.shape, spread: 1 / Float(y.shape.reduce(1, *)))
    try #require(y.slot).receive(
      try dy.blocked(block, workers: engine.workers), engine)
    try tape.backward(engine)

    let contents = net.contents()
    func state(_ name: String) throws -> [Float] {
      let entry = try #require(contents.state.first { $0.name == name })
      return try entry.tensor.plain().array
    }
    func gradient(_ parameter: Parameter) throws -> [Float] {
      try parameter.plain(try #require(parameter.gradient)).array
    }
    func gradient(_ name: String) throws -> [Float] {
      try gradient(try #require(contents.parameters.first { $0.name == name }).parameter)
    }
    func expectFixture(_ got: [Float], _ name: String, _ tolerance: Double) throws {
      let expected = try fixture("nn/resnet18_train\(name)").values.map(Double.init)
      expectNear(Array(got.prefix(expected.count)), expected, tolerance)
    }
    try expectFixture(try y.value(engine).plain(workers: engine.workers).array, "", 6e-5)
    try expectFixture(try state("layer4.1.bn2.running_mean"), "_running_mean", 6e-5)
    try expectFixture(try state("layer4.1.bn2.running_var"), "_running_var", 6e-5)
    try expectFixture(try gradient("conv1.weight"), "_d_conv1", 2e-4)
    try expectFixture(try gradient("layer2.0.downsample.1.weight"), "_d_bn", 2e-4)
    let norms = try contents.parameters.map { entry in
      Float(try gradient(entry.parameter).reduce(0.0) { $0 + Double($1 * $1) }.squareRoot())
    }
    try expectFixture(norms, "_gradient_norms", 2e-4)
  }

  @Test("A training pass without a tape: the same features and statistics, no gradient slot")
  func targetPass() throws {
    let engine = try testEngine()
    func run(_ tape: Tape?) throws -> (Activation, ModuleContents) {
      var source = WeightSource(zeros: engine)
      let net = try ResNet(.resnet18, stem: .small, &source)
      try fill(net)
      let x = try image(2, 8, engine)
      let y = try net.forward(
        x, upTo: .layer1, Pass(engine: engine, tape: tape, mode: .training))
      return (y, net.contents())
    }
    let (online, onlineContents) = try run(Tape())
    let (target, targetContents) = try run(nil)
    #expect(online.slot != nil)
    #expect(target.slot == nil)
    #expect(try online.value(engine).array == target.value(engine).array)
    for (a, b) in zip(onlineContents.state, targetContents.state) {
      #expect(try a.tensor.plain().array == b.tensor.plain().array, "\(a.name)")
    }
  }

  @Test("A stage's map has its channels and stride", arguments: Stem.allCases, Stage.allCases)
  func geometry(_ stem: Stem, _ stage: Stage) throws {
    let engine = try testEngine()
    var source = WeightSource(zeros: engine)
    let net = try ResNet(.resnet18, stem: stem, &source)
    let size = stem == .imagenet ? 64 : 16
    let pass = Pass(engine: engine, mode: .inference)
    let x = try image(1, size, engine)
    let cells = size / net.stride(of: stage)
    let expected = [1, net.channels(of: stage), cells, cells]
    #expect(try net.forward(x, upTo: stage, pass).shape == expected)
    #expect(Architecture.resnet50.channels(of: stage) == 4 * net.channels(of: stage))
  }

  private func image(_ count: Int, _ size: Int, _ engine: any Engine) throws -> Tensor {
    try hashed("image", [count, 3, size, size], spread: 1.7)
      .blocked(engine.channelBlock(for: 3), workers: engine.workers)
  }
}
