// The head against the same torch.nn modules.

import ScrlAutograd
import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlNN

@Suite("Head")
struct HeadTests {
  // Sums of 40 products of order 1 and a BatchNorm over 12 rows: 40·2⁻²⁴·5.
  private let tolerance: Double = 2e-5

  @Test("Forward, backward and running statistics equal PyTorch's")
  func pytorch() throws {
    let engine = try testEngine()
    var source = WeightSource(zeros: engine)
    let head = try Head(inputs: 24, hidden: 40, outputs: 16, &source)
    try fill(head)
    let tape = Tape()
    let x = Activation(try hashed("x", [12, 24], spread: 1), slot: GradientSlot())
    let y = try head.forward(x, Pass(engine: engine, tape: tape, mode: .training))
    try #require(y.slot).receive(try hashed("dy", [12, 16], spread: 1), engine)
    try tape.backward(engine)

    func expectFixture(_ got: [Float], _ name: String) throws {
      let expected = try fixture("nn/head_\(name)").values
      expectNear(got, expected.map(Double.init), tolerance)
    }
    try expectFixture(try y.value(engine).array, "y")
    try expectFixture(try #require(try x.slot?.take(engine)).array, "dx")
    for entry in head.contents().parameters where entry.name != "fc1.bias" {
      try expectFixture(try #require(entry.parameter.gradient).array, "d_\(entry.name)")
    }
    // BatchNorm removes fc1's bias: its gradient is 0 but for rounding of terms of order 1.
    let bias = try #require(head.fc1.bias?.gradient).array
    #expect(bias.allSatisfy { abs($0) < 1e-4 })
    try expectFixture(head.bn.runningMean.value.array, "running_mean")
    try expectFixture(head.bn.runningVariance.value.array, "running_var")
  }

  @Test("Names are the checkpoint's")
  func names() throws {
    var source = WeightSource(zeros: try testEngine())
    let head = try Head(inputs: 4, hidden: 6, outputs: 2, &source)
    #expect(
      head.contents(prefix: "projector.").state.map(\.name) == [
        "projector.fc1.weight", "projector.fc1.bias", "projector.bn.weight", "projector.bn.bias",
        "projector.bn.running_mean", "projector.bn.running_var", "projector.fc2.weight",
      ])
  }
}
