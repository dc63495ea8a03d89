// Tensors that do not fit are refused before a kernel sees them.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

private func expectShapeError(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("\(what): accepted", sourceLocation: sourceLocation)
  } catch let error as ScrlError {
    #expect(error.code == .shape, "\(what): \(error)", sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(what): \(error)", sourceLocation: sourceLocation)
  }
}

@Test("mismatched convolution operands are shape errors", arguments: TestEngine.all)
func convolutionErrors(_ kind: TestEngine) throws {
  let e = try kind.make(Workers(1))
  let g = try ConvolutionGeometry(inputs: 2, outputs: 4, kernel: 3, stride: 1, padding: 1)
  let x = try Tensor(zeros: [1, 2, 5, 5], layout: .blocked(2))
  let dy = try Tensor(zeros: [1, 4, 5, 5], layout: .blocked(4))
  let w = try e.zeroWeight(g)
  expectShapeError("channels") { _ = try e.convolution(dy, weight: w, g) }
  expectShapeError("block") {
    _ = try e.convolution(x.reshaped([1, 2, 5, 5], layout: .blocked(1)), weight: w, g)
  }
  expectShapeError("plain x") { _ = try e.convolution(x.reshaped([1, 2, 5, 5]), weight: w, g) }
  expectShapeError("plain weight") {
    _ = try e.convolution(x, weight: w.reshaped(g.weightShape), g)
  }
  expectShapeError("input extent") {
    _ = try e.convolutionBackwardInput(dy, weight: w, inputHeight: 6, inputWidth: 5, g)
  }
  expectShapeError("images") {
    let two = try Tensor(zeros: [2, 4, 5, 5], layout: .blocked(4))
    try e.convolutionBackwardWeight(two, x: x, into: w, g)
  }
  expectShapeError("small input") {
    let wide = try ConvolutionGeometry(inputs: 2, outputs: 4, kernel: 9, stride: 1, padding: 0)
    _ = try e.convolution(x, weight: e.zeroWeight(wide), wide)
  }
}

@Test("mismatched elementwise operands are shape errors", arguments: TestEngine.all)
func elementwiseErrors(_ kind: TestEngine) throws {
  let e = try kind.make(Workers(1))
  let x = try Tensor(zeros: [1, 4, 3, 3], layout: .blocked(4))
  let (four, three) = (try Tensor(zeros: [4]), try Tensor(zeros: [3]))
  expectShapeError("layouts") {
    _ = try e.addReLU(x, x.reshaped([1, 4, 3, 3], layout: .blocked(2)))
  }
  expectShapeError("scale") {
    _ = try e.batchNorm(x, scale: three, shift: four, epsilon: 1e-5, relu: false)
  }
  expectShapeError("no rows") {
    let none = try Tensor(zeros: [0, 4])
    _ = try e.batchNorm(none, scale: four, shift: four, epsilon: 1e-5, relu: false)
  }
  expectShapeError("backward of running statistics") {
    let running = try BatchStatistics(runningMean: four, runningVariance: four, epsilon: 1)
    _ = try e.batchNormBackward(
      x, x: x, statistics: running, scale: four, shift: four, relu: false, into: four, four)
  }
  expectShapeError("no channels") { _ = try e.batchNormMoments(Tensor(zeros: [3, 0])) }
  expectShapeError("average's gradient") {
    _ = try e.globalAveragePoolBackward(Tensor(zeros: [1, 3]), like: x.activationShape("test"))
  }
  expectShapeError("accumulate") { try accumulate(four, three, Workers(1)) }
}

@Test("mismatched matrices, losses and updates are errors", arguments: TestEngine.all)
func matrixErrors(_ kind: TestEngine) throws {
  let e = try kind.make(Workers(1))
  let (x, w) = (try Tensor(zeros: [2, 3]), try Tensor(zeros: [4, 5]))
  expectShapeError("features") { _ = try e.linear(x, weight: w, bias: nil) }
  expectShapeError("outputs") { _ = try e.linearBackwardInput(x, weight: w) }
  expectShapeError("odd rows") {
    let five = try w.reshaped([5, 4])
    _ = try cosineRegressionLoss(five, target: five, Workers(1))
  }
  expectShapeError("labels") { _ = try softmaxCrossEntropy(x, labels: [0], Workers(1)) }
  expectShapeError("ema") {
    try emaUpdate(target: x.buffer, online: w.buffer, momentum: 0.9, Workers(1))
  }
  #expect(throws: ScrlError.self) { _ = try softmaxCrossEntropy(x, labels: [0, 3], Workers(1)) }
}
