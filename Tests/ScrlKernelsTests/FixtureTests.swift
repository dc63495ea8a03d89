// Forward and gradients against PyTorch and torchvision (Tests/Fixtures/make_kernels.py).

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

private let workers = Workers(2)

private func load(_ name: String) throws -> NpyArray { try fixture("kernels/" + name) }

private func tensor(_ name: String) throws -> Tensor {
  let array = try load(name)
  return try Tensor(array.values, shape: array.shape)
}

private func blockedTensor(_ name: String, _ block: Int) throws -> Tensor {
  let array = try load(name)
  guard array.shape.count == 4 else { return try Tensor(array.values, shape: array.shape) }
  return try activation(array.values, array.shape, block: block)
}

// Tolerance of this file: torch computes in float32 too. Sums of at most 300 products of
// magnitude ≤ 10 in two orders differ by about √300·10·2⁻²⁴ ≈ 1e-5; 2e-5 leaves a factor two.
private func expectFixture(
  _ got: Tensor, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let want = try load(name)
  #expect(got.shape == want.shape, sourceLocation: sourceLocation)
  expectClose(
    try plainValues(got), want.values, relative: 2e-5, absolute: 2e-5, name,
    sourceLocation: sourceLocation)
}

@Test(
  "convolution and its gradients equal PyTorch", arguments: TestEngine.all,
  [
    ("conv_1x1", 1, 1, 0), ("conv_1x1_s2", 1, 2, 0), ("conv_3x3", 3, 1, 1),
    ("conv_3x3_s2", 3, 2, 1), ("conv_7x7_s2", 7, 2, 3),
  ])
func convolutionFixture(
  _ kind: TestEngine, _ window: (name: String, kernel: Int, stride: Int, padding: Int)
) throws {
  let name = window.name
  let engine = try kind.make(workers)
  let plain = try tensor(name + ".weight")
  let g = try ConvolutionGeometry(
    inputs: plain.shape[1], outputs: plain.shape[0], kernel: window.kernel,
    stride: window.stride, padding: window.padding)
  let x = try blockedTensor(name + ".x", engine.channelBlock(for: g.inputs))
  let dy = try blockedTensor(name + ".dy", engine.channelBlock(for: g.outputs))
  let weight = try engine.packWeight(plain, g)
  try expectFixture(try engine.convolution(x, weight: weight, g), name + ".y")
  try expectFixture(
    try engine.convolutionBackwardInput(
      dy, weight: weight, inputHeight: x.shape[2], inputWidth: x.shape[3], g), name + ".dx")
  let dWeight = try engine.zeroWeight(g)
  try engine.convolutionBackwardWeight(dy, x: x, into: dWeight, g)
  try expectFixture(try engine.unpackWeight(dWeight, g), name + ".dweight")
}

@Test(
  "batch normalisation and its gradients equal PyTorch",
  arguments: onEngines([("norm", false), ("norm_relu", true), ("norm_matrix", true)]), [8, 4])
func batchNormFixture(_ on: (kind: TestEngine, fixture: (name: String, relu: Bool)), block: Int)
  throws
{
  let (kind, fixture) = on
  let engine = try kind.make(workers)
  let name = fixture.name
  let (x, dy) = (try blockedTensor(name + ".x", block), try blockedTensor(name + ".dy", block))
  let (scale, shift) = (try tensor(name + ".scale"), try tensor(name + ".shift"))
  let (y, statistics) = try engine.batchNorm(
    x, scale: scale, shift: shift, epsilon: 1e-5, relu: fixture.relu)
  try expectFixture(y, name + ".y")
  let (dScale, dShift) = (try Tensor(zeros: [8]), try Tensor(zeros: [8]))
  let dx = try engine.batchNormBackward(
    dy, x: x, statistics: statistics, scale: scale, shift: shift, relu: fixture.relu,
    into: dScale, dShift)
  try expectFixture(dx, name + ".dx")
  try expectFixture(dScale, name + ".dscale")
  try expectFixture(dShift, name + ".dshift")
}

@Test(
  "max pooling and its gradient equal PyTorch",
  arguments: onEngines(["max_pool_even", "max_pool_odd"]),
  [8, 4])
func maxPoolFixture(_ on: (kind: TestEngine, name: String), block: Int) throws {
  let (kind, name) = on
  let engine = try kind.make(workers)
  let x = try blockedTensor(name + ".x", block)
  let g = try PoolGeometry(kernel: 3, stride: 2, padding: 1)
  let (y, winners) = try engine.maxPool(x, g)
  try expectFixture(y, name + ".y")
  let dx = try engine.maxPoolBackward(
    try blockedTensor(name + ".dy", block), winners: winners, inputHeight: x.shape[2],
    inputWidth: x.shape[3])
  try expectFixture(dx, name + ".dx")
}

@Test("linear and its gradients equal PyTorch", arguments: TestEngine.all)
func linearFixture(_ kind: TestEngine) throws {
  let engine = try kind.make(workers)
  let (x, dy) = (try tensor("linear.x"), try tensor("linear.dy"))
  let weight = try tensor("linear.weight")
  try expectFixture(
    try engine.linear(x, weight: weight, bias: try tensor("linear.bias")), "linear.y")
  try expectFixture(try engine.linearBackwardInput(dy, weight: weight), "linear.dx")
  let (dWeight, dBias) = (try Tensor(zeros: weight.shape), try Tensor(zeros: [7]))
  try engine.linearBackwardParameters(dy, x: x, into: dWeight, dBias)
  try expectFixture(dWeight, "linear.dweight")
  try expectFixture(dBias, "linear.dbias")
}

@Test(
  "RoIAlign and its gradient equal torchvision",
  arguments: onEngines(["align_adaptive", "align_adaptive_half", "align_two", "align_two_half"]),
  [4, 2])
func roiAlignFixture(_ on: (kind: TestEngine, name: String), block: Int) throws {
  let (kind, name) = on
  let engine = try kind.make(workers)
  let o = try load(name + ".options").values
  let options = try RoIAlignOptions(
    outputHeight: Int(o[0]), outputWidth: Int(o[1]), spatialScale: o[2],
    samplingRatio: Int(o[3]), aligned: o[4] == 1)
  let rows = try load(name + ".boxes").values
  let boxes = stride(from: 0, to: rows.count, by: 5).map {
    RegionBox(
      image: Int(rows[$0]), x0: rows[$0 + 1], y0: rows[$0 + 2], x1: rows[$0 + 3],
      y1: rows[$0 + 4])
  }
  let x = try blockedTensor(name + ".x", block)
  try expectFixture(try engine.roiAlign(x, boxes: boxes, options), name + ".y")
  let dx = try engine.roiAlignBackward(
    try blockedTensor(name + ".dy", block), boxes: boxes, options,
    like: try x.activationShape("test"))
  try expectFixture(dx, name + ".dx")
}

@Test("the cosine regression loss and its gradient equal PyTorch")
func cosineFixture() throws {
  let (loss, dq) = try cosineRegressionLoss(
    try tensor("cosine.q"), target: try tensor("cosine.t"), workers)
  expectClose([Float(loss)], try load("cosine.loss").values, relative: 1e-6)
  try expectFixture(dq, "cosine.dq")
}

@Test("softmax cross entropy and its gradient equal PyTorch, a negative label being ignored")
func crossEntropyFixture() throws {
  let labels = try load("cross_entropy.labels").values.map { Int($0) }
  let (loss, dlogits) = try softmaxCrossEntropy(
    try tensor("cross_entropy.logits"), labels: labels, workers)
  expectClose([Float(loss)], try load("cross_entropy.loss").values, relative: 1e-6)
  try expectFixture(dlogits, "cross_entropy.dlogits")
}
