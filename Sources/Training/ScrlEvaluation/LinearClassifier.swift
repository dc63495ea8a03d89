// One linear layer under softmax cross entropy, trained by SGD with Nesterov momentum.
// Letters: N rows, F features, K classes.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor

final class LinearClassifier {
  static let momentum = 0.9

  let weight: Tensor  // (K,F)
  let bias: Tensor  // (K)
  private let weightState: UpdateState
  private let biasState: UpdateState
  private let adapts: Bool
  private let operation: String
  private let engine: any Engine

  /// Corrected: zeros, plain SGD. The loss is convex and features outnumber rows in small sets:
  /// what a random start adds where no train row reaches would stay as noise.
  /// Official: torch.nn.Linear's start, weight and bias both under LARS.
  init(
    features: Int, classes: Int, quirks: Quirks, seed: UInt64,
    operation: String = "evaluate_linear", engine: any Engine
  ) throws(ScrlError) {
    var source =
      quirks == .official
      ? WeightSource(engine: engine, seed: seed) : WeightSource(zeros: engine)
    let start = try Linear(
      name: "classifier", inputs: features, outputs: classes, bias: true, &source)
    weight = start.weight.value
    if let started = start.bias?.value {
      bias = started
    } else {
      bias = try Tensor(zeros: [classes])
    }
    weightState = try UpdateState(like: weight)
    biasState = try UpdateState(like: bias)
    adapts = quirks == .official
    self.operation = operation
    self.engine = engine
  }

  /// rows (N,F) → (N,K)
  func logits(_ rows: Tensor) throws(ScrlError) -> Tensor {
    try engine.linear(rows, weight: weight, bias: bias)
  }

  /// One step on rows (N,F); the loss and hits are those of before it.
  func learn(
    _ rows: Tensor, labels: [Int], rate: Double
  ) throws(ScrlError) -> (loss: Double, hits: Hits) {
    let logits = try self.logits(rows)
    let (loss, slopes) = try softmaxCrossEntropy(logits, labels: labels, engine.workers)
    guard loss.isFinite else {
      throw ScrlError(
        .diverged, "\(operation): the loss is \(loss) · expected a smaller learning rate")
    }
    weightState.gradient.pointer.update(repeating: 0, count: weight.count)
    biasState.gradient.pointer.update(repeating: 0, count: bias.count)
    try engine.linearBackwardParameters(
      slopes, x: rows, into: weightState.gradient, biasState.gradient)
    try weightState.step(weight, rate: rate, adapts: adapts, engine.workers)
    try biasState.step(bias, rate: rate, adapts: adapts, engine.workers)
    return (loss, Hits(logits, labels: labels))
  }
}

/// What a parameter's update needs beside it.
private struct UpdateState {
  let gradient: Tensor
  let velocity: Tensor

  init(like parameter: Tensor) throws(ScrlError) {
    gradient = try Tensor(zeros: parameter.shape)
    velocity = try Tensor(zeros: parameter.shape)
  }

  func step(
    _ parameter: Tensor, rate: Double, adapts: Bool, _ workers: Workers
  ) throws(ScrlError) {
    try larsSGDStep(
      weight: parameter.buffer, gradient: gradient.buffer, momentumBuffer: velocity.buffer,
      rate: rate, momentum: LinearClassifier.momentum, weightDecay: 0, trust: LARSOptions.trust,
      epsilon: LARSOptions.epsilon, adapt: adapts, gradientScale: 1, nesterov: true, workers)
  }
}
