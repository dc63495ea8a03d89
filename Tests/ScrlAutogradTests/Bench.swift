// One operation under test: leaves in, an upstream gradient seeded, gradients read in plain order.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

struct Bench {
  let engine: any Engine
  let tape = Tape()
  var pass: Pass { Pass(engine: engine, tape: tape, mode: .training) }

  init(_ kind: TestEngine = .openblas) throws { engine = try kind.make(Workers()) }

  /// An input that wants its gradient.
  func leaf(_ grid: Grid) throws -> Activation {
    Activation(try tensor(grid), slot: GradientSlot())
  }

  func tensor(_ grid: Grid) throws -> Tensor {
    let plain = try Tensor(grid.values.map { Float($0) }, shape: grid.shape)
    guard grid.shape.count == 4 else { return plain }
    return try plain.blocked(engine.channelBlock(for: grid.shape[1]), workers: engine.workers)
  }

  func parameter(_ role: Parameter.Role, _ grid: Grid) throws -> Parameter {
    let plain = try Tensor(grid.values.map { Float($0) }, shape: grid.shape)
    return try Parameter(name: "p", role: role, plain: plain, engine: engine)
  }

  /// Backward from Σ dy·y.
  func backward(_ y: Activation, _ dy: Grid) throws {
    try #require(y.slot).receive(try tensor(dy), engine)
    try tape.backward(engine)
  }

  func plain(_ tensor: Tensor) throws -> [Float] {
    try tensor.plain(workers: engine.workers).array
  }

  func gradient(_ leaf: Activation) throws -> [Float] {
    try plain(try #require(try leaf.slot?.take(engine)))
  }

  func gradient(_ parameter: Parameter) throws -> [Float] {
    try parameter.plain(try #require(parameter.gradient)).array
  }
}

/// Numbers in ±1 that float32 holds exactly, so that both sides start from the same.
func noise(_ shape: [Int], _ sample: Int, around centre: Double = 0) -> Grid {
  var stream = RandomStream(seed: 7, sample: sample, use: .test)
  let count = shape.reduce(1, *)
  return Grid(shape, (0..<count).map { _ in Double(Float(centre + stream.uniform(in: -1...1))) })
}

func dot(_ a: Grid, _ b: Grid) -> Double { zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 } }
