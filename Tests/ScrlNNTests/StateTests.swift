// State at the border: plain order, counts checked, copies that do not alias.

import ScrlAutograd
import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlNN

@Suite("State")
struct StateTests {
  private func network() throws -> ResNet {
    var source = WeightSource(zeros: try testEngine())
    return try ResNet(.resnet18, stem: .small, &source)
  }

  @Test("What is written in plain order is read back, whatever order the engine keeps")
  func roundTrip() throws {
    var source = WeightSource(zeros: try testEngine())
    let layer = try Convolution(name: "c", inputs: 3, outputs: 5, kernel: 3, &source)
    let values = (0..<135).map { Float($0) }
    try values.withUnsafeBufferPointer { try layer.weight.writePlain(from: $0) }
    var read = [Float](repeating: -1, count: 135)
    try read.withUnsafeMutableBufferPointer { try layer.weight.readPlain(into: $0) }
    #expect(read == values)
    #expect(layer.weight.plainShape == [5, 3, 3, 3])
  }

  @Test("Layers with a bias list weight and bias, in PyTorch's order and shapes")
  func biased() throws {
    var source = WeightSource(engine: try testEngine(), seed: 1)
    let convolution = try BiasedConvolution(
      name: "conv", inputs: 16, outputs: 12, kernel: 3, &source)
    let transposed = try TransposedConvolution(name: "up", inputs: 16, outputs: 32, &source)
    var contents = convolution.contents(prefix: "head.")
    transposed.collect(into: &contents, prefix: "head.")
    #expect(
      contents.parameters.map(\.name) == [
        "head.conv.weight", "head.conv.bias", "head.up.weight", "head.up.bias",
      ])
    #expect(
      contents.parameters.map(\.parameter.plainShape) == [
        [12, 16, 3, 3], [12], [16, 32, 2, 2], [32],
      ])
  }

  @Test("A wrong count is an error that names the tensor")
  func wrongCount() throws {
    var source = WeightSource(zeros: try testEngine())
    let norm = try BatchNorm(name: "bn1", channels: 4, &source)
    let values: [Float] = [1, 2, 3]
    let error = #expect(throws: ScrlError.self) {
      try values.withUnsafeBufferPointer { try norm.runningMean.writePlain(from: $0) }
    }
    #expect(error?.code == .shape)
    #expect(error?.message.contains("bn1.running_mean") == true)
    #expect(norm.runningMean.value.array == [0, 0, 0, 0])
  }

  @Test("A copied network has equal values of its own")
  func copy() throws {
    let (target, online) = (try network(), try network())
    try fill(online)
    try target.contents().copyValues(from: online.contents())
    for (mine, theirs) in zip(target.contents().parameters, online.contents().parameters) {
      #expect(mine.parameter.value.storage !== theirs.parameter.value.storage)
      #expect(mine.parameter.value.array == theirs.parameter.value.array)
      #expect(mine.parameter.value.pointer[0] != 0)
    }
  }

  @Test("Networks of different shape cannot be copied")
  func copyMismatch() throws {
    var source = WeightSource(zeros: try testEngine())
    let small = try Head(inputs: 4, hidden: 6, outputs: 2, &source)
    let large = try Head(inputs: 4, hidden: 8, outputs: 2, &source)
    #expect(throws: ScrlError.self) { try small.contents().copyValues(from: large.contents()) }
  }

  // 1e-6: three rounded operations on values below 4.
  @Test("Following moves parameters by the momentum and leaves running statistics alone")
  func follow() throws {
    var source = WeightSource(engine: try testEngine(), seed: 1)
    let target = try Head(inputs: 4, hidden: 6, outputs: 2, &source)
    let online = try Head(inputs: 4, hidden: 6, outputs: 2, &source)
    online.bn.runningMean.value.pointer[0] = 3
    let before = target.fc1.weight.value.array
    try target.contents().follow(online.contents(), momentum: 0.75, Workers(1))
    let expected = zip(before, online.fc1.weight.value.array).map {
      0.75 * Double($0) + 0.25 * Double($1)
    }
    expectClose(target.fc1.weight.value.array, expected, absolute: 1e-6)
    #expect(target.bn.runningMean.value.pointer[0] == 0)
  }
}
