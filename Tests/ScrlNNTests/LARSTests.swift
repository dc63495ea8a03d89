// The optimiser against its rule written in PyTorch, in both quirk modes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlNN

@Suite("LARS")
struct LARSTests {
  private struct Toy: Module {
    let entries: [(name: String, parameter: Parameter)]
    func collect(into contents: inout ModuleContents, prefix: String) {
      for entry in entries { contents.add(entry.parameter, prefix: prefix) }
    }
  }

  private func toy(_ engine: any Engine) throws -> ModuleContents {
    let convolution = try ConvolutionGeometry(
      inputs: 3, outputs: 4, kernel: 3, stride: 1, padding: 1)
    let plan: [(String, Parameter.Role, [Int])] = [
      ("encoder.conv1.weight", .convolutionWeight(convolution), [4, 3, 3, 3]),
      ("encoder.bn1.weight", .normScale, [4]),
      ("encoder.bn1.bias", .normShift, [4]),
      ("encoder.layer1.0.bn2.weight", .normScale, [4]),
      ("encoder.layer2.0.downsample.1.weight", .normScale, [4]),
      ("projector.fc1.weight", .linearWeight, [6, 4]),
      ("projector.fc1.bias", .linearBias, [6]),
      ("projector.bn.weight", .normScale, [6]),
    ]
    let entries = try plan.map { name, role, shape in
      let plain = try hashed(name, shape, centre: 0.1, spread: 1)
      return (name, try Parameter(name: name, role: role, plain: plain, engine: engine))
    }
    return Toy(entries: entries).contents()
  }

  private func setGradients(_ contents: ModuleContents, step: Int) throws {
    contents.clearGradients()
    for entry in contents.parameters {
      let plain = try hashed("\(entry.name)/\(step)", entry.parameter.plainShape, spread: 1)
      let gradient = try entry.parameter.packed(plain)
      try entry.parameter.gradientSum().pointer.update(
        from: gradient.pointer, count: gradient.count)
    }
  }

  private let rates: [Double] = [0, 0.2, 0.5, 0.4, 0.1]

  // Five steps of some ten rounded operations on values of order 1: 50·2⁻²⁴ = 3e-6.
  @Test("Five steps equal PyTorch's", arguments: Quirks.allCases)
  func trajectory(_ quirks: Quirks) throws {
    let engine = try testEngine()
    let contents = try toy(engine)
    let lars = try LARS(
      contents.parameters, try LARSOptions(weightDecay: 1e-2, quirks: quirks),
      workers: engine.workers)
    for (step, rate) in rates.enumerated() {
      try setGradients(contents, step: step)
      try lars.step(rate: rate)
    }
    let got = try contents.parameters.flatMap { try $0.parameter.plain().array }
    let expected = try fixture("nn/lars_\(quirks.rawValue)").values
    expectNear(got, expected.map(Double.init), 3e-6)
  }

  @Test("Momentum read and written in plain order continues the same trajectory")
  func resume() throws {
    let engine = try testEngine()
    let options = try LARSOptions(weightDecay: 1e-2)
    let (whole, resumed) = (try toy(engine), try toy(engine))
    let first = try LARS(whole.parameters, options, workers: engine.workers)
    let second = try LARS(resumed.parameters, options, workers: engine.workers)
    try setGradients(whole, step: 1)
    try first.step(rate: 0.2)
    try resumed.copyValues(from: whole)
    for (target, source) in zip(second.buffers, first.buffers) {
      #expect(target.name == source.name)
      try target.assign(plain: try source.plain().copied())
    }
    for (contents, lars) in [(whole, first), (resumed, second)] {
      try setGradients(contents, step: 2)
      try lars.step(rate: 0.3)
    }
    for (a, b) in zip(whole.parameters, resumed.parameters) {
      #expect(a.parameter.value.array == b.parameter.value.array, "\(a.name)")
    }
  }

  @Test("A parameter without a gradient stays where it is")
  func noGradient() throws {
    let engine = try testEngine()
    let contents = try toy(engine)
    let before = try contents.parameters.map { try $0.parameter.plain().copied().array }
    let lars = try LARS(
      contents.parameters, try LARSOptions(weightDecay: 1), workers: engine.workers)
    try lars.step(rate: 1)
    #expect(try contents.parameters.map { try $0.parameter.plain().array } == before)
  }

  /// ResNet-50, projector and predictor: what the online network trains.
  private func trained() throws -> [NamedParameter] {
    var source = WeightSource(zeros: try testEngine())
    var contents = ModuleContents()
    try ResNet(.resnet50, &source).collect(into: &contents, prefix: "encoder.")
    try Head(inputs: 8, hidden: 8, outputs: 4, &source)
      .collect(into: &contents, prefix: "projector.")
    try Head(inputs: 4, hidden: 8, outputs: 4, &source)
      .collect(into: &contents, prefix: "predictor.")
    return contents.parameters
  }

  @Test("The official names miss 7 BatchNorm weights: stem, 4 downsamples, 2 heads")
  func sevenMissed() throws {
    let missed = try trained().filter {
      $0.isExcluded(.corrected) && !$0.isExcluded(.official)
    }
    #expect(
      missed.map(\.name) == [
        "encoder.bn1.weight", "encoder.layer1.0.downsample.1.weight",
        "encoder.layer2.0.downsample.1.weight", "encoder.layer3.0.downsample.1.weight",
        "encoder.layer4.0.downsample.1.weight", "projector.bn.weight", "predictor.bn.weight",
      ])
  }

  @Test("Corrected: exactly the parameters with one axis are excluded")
  func correctedExclusion() throws {
    for entry in try trained() {
      #expect(entry.isExcluded(.corrected) == (entry.parameter.plainShape.count == 1))
    }
  }

  @Test(
    "Official names",
    arguments: [
      ("encoder.conv1.weight", "encoder.0.weight"),
      ("encoder.bn1.running_var", "encoder.1.running_var"),
      ("encoder.layer1.0.bn1.bias", "encoder.4.0.bn1.bias"),
      ("encoder.layer4.2.downsample.1.weight", "encoder.7.2.downsample.1.weight"),
      ("projector.fc1.bias", "projector.net.0.bias"),
      ("predictor.bn.weight", "predictor.net.1.weight"),
      ("predictor.fc2.weight", "predictor.net.3.weight"),
    ])
  func officialNames(_ ours: String, _ official: String) {
    #expect(officialName(ours) == official)
  }
}
