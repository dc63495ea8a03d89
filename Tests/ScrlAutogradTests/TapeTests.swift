// The tape's rules: who adds, who assigns, who is skipped, what is released when.

import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlAutograd

@Suite("Tape")
struct TapeTests {
  private let engine: any Engine

  init() throws { engine = try OpenBLASEngine(workers: Workers(1)) }

  @Test("A slot's first contribution is taken as it is")
  func firstContribution() throws {
    let slot = GradientSlot()
    let gradient = try Tensor([1, 2], shape: [2])
    try slot.receive(gradient, engine)
    #expect(try #require(try slot.take(engine)).storage === gradient.storage)
    #expect(try slot.take(engine) == nil)
  }

  @Test("Contributions add up, and no tensor that somebody holds is written into")
  func contributions() throws {
    let slot = GradientSlot()
    let gradients = [
      try Tensor([1, 2], shape: [2]), try Tensor([10, 20], shape: [2]),
      try Tensor([100, 200], shape: [2]),
    ]
    for gradient in gradients { try slot.receive(gradient, engine) }
    #expect(try #require(try slot.take(engine)).array == [111, 222])
    #expect(gradients.map(\.array) == [[1, 2], [10, 20], [100, 200]])
  }

  @Test("A contribution of another shape is an error")
  func shapeMismatch() throws {
    let slot = GradientSlot()
    try slot.receive(try Tensor([1, 2], shape: [2]), engine)
    #expect(throws: ScrlError.self) {
      try slot.receive(try Tensor([1, 2, 3], shape: [3]), engine)
    }
  }

  @Test("An activation used twice receives the sum of both uses")
  func fanOut() throws {
    let bench = try Bench()
    // y = max(x + x, 0) with x > 0: dx = 2·dy. Then the residual shape: z = max(y + x, 0).
    let x = try bench.leaf(noise([1, 4, 2, 2], 1, around: 2))
    let y = try bench.pass.addReLU(x, x)
    let z = try bench.pass.addReLU(y, x)
    let dz = noise(z.shape, 2)
    try bench.backward(z, dz)
    expectNear(try bench.gradient(x), dz.values.map { 3 * $0 }, 1e-6)
  }

  @Test("Parameters' gradients accumulate over passes until cleared")
  func parametersAccumulate() throws {
    let bench = try Bench()
    let weight = try bench.parameter(.linearWeight, noise([3, 2], 1))
    let (x, dy) = (noise([4, 2], 2), noise([4, 3], 3))
    func run() throws -> [Float] {
      let y = try bench.pass.linear(try bench.leaf(x), weight: weight, bias: nil)
      try bench.backward(y, dy)
      return try bench.gradient(weight)
    }
    let once = try run()
    expectNear(try run(), once.map { 2 * Double($0) }, 1e-6)
    weight.clearGradient()
    #expect(weight.gradient == nil)
    #expect(try run() == once)
  }

  @Test("A reserved gradient keeps its memory, and begins at zero")
  func reservedGradient() throws {
    let weight = try Bench().parameter(.linearWeight, noise([3, 2], 1))
    try weight.reserveGradient()
    #expect(weight.gradient == nil)
    let place = try weight.gradientSum().pointer
    place[0] = 5
    #expect(try weight.gradientSum().pointer == place)
    weight.clearGradient()
    #expect(weight.gradient == nil)
    #expect(try weight.gradientSum().pointer == place)
    #expect(try weight.gradientSum().array == [Float](repeating: 0, count: 6))

    // One that is still read stays as it is.
    place[0] = 5
    let read = try weight.gradientSum()
    weight.clearGradient()
    #expect(try weight.gradientSum().array[0] == 0)
    #expect(read.array[0] == 5)
  }

  @Test("An operation whose output got no gradient is skipped")
  func skip() throws {
    let bench = try Bench()
    let weight = try bench.parameter(.linearWeight, noise([3, 2], 1))
    let x = try bench.leaf(noise([4, 2], 2))
    _ = try bench.pass.linear(x, weight: weight, bias: nil)
    try bench.tape.backward(bench.engine)
    #expect(weight.gradient == nil)
    #expect(try x.slot?.take(bench.engine) == nil)
    #expect(bench.tape.isEmpty)
  }

  @Test("Nothing flows through a detached activation")
  func detached() throws {
    let bench = try Bench()
    let x = try bench.leaf(noise([4, 2], 2))
    let weight = try bench.parameter(.linearWeight, noise([3, 2], 1))
    let y = try bench.pass.linear(x.detached, weight: weight, bias: nil)
    try bench.backward(y, noise([4, 3], 3))
    #expect(weight.gradient != nil)
    #expect(try x.slot?.take(bench.engine) == nil)
  }

  @Test("Without a tape nothing is recorded and no slot is made")
  func noTape() throws {
    let bench = try Bench()
    let pass = Pass(engine: bench.engine, mode: .training)
    let weight = try bench.parameter(.linearWeight, noise([3, 2], 1))
    let y = try pass.linear(try bench.leaf(noise([4, 2], 2)), weight: weight, bias: nil)
    #expect(y.slot == nil)
    #expect(bench.tape.isEmpty)
  }

  @Test("Saved tensors are released as their operation is done, not at the end")
  func release() throws {
    final class Probe {}
    struct Spy: TapeOp {
      let saved: Probe
      let check: () -> Void
      func backward(_ engine: any Engine) throws(ScrlError) { check() }
    }
    let bench = try Bench()
    weak var last: Probe?
    var wasReleased = false
    do {
      let (early, late) = (Probe(), Probe())
      last = late
      bench.tape.record(Spy(saved: early) { wasReleased = last == nil })
      bench.tape.record(Spy(saved: late) {})
    }
    #expect(last != nil)
    try bench.tape.backward(bench.engine)
    #expect(wasReleased)
    #expect(bench.tape.isEmpty)
  }

  @Test("What BatchNorm makes is not kept for the convolution after it")
  func savedInput() throws {
    let bench = try Bench()
    let geometry = try ConvolutionGeometry(
      inputs: 4, outputs: 2, kernel: 3, stride: 1, padding: 1)
    let weight = try bench.parameter(.convolutionWeight(geometry), noise([2, 4, 3, 3], 1))
    let scale = try bench.parameter(.normScale, noise([4], 2, around: 1))
    let shift = try bench.parameter(.normShift, noise([4], 3))
    let x = try bench.leaf(noise([1, 4, 3, 3], 4))
    let y = try bench.pass.batchNorm(x, scale: scale, shift: shift, epsilon: 1e-5, relu: true).y
    weak let made = try y.value(bench.engine).storage
    _ = try bench.pass.convolution(y, weight: weight, geometry)
    #expect(made == nil)
  }

  @Test("An error empties the tape")
  func errorEmpties() throws {
    struct Broken: TapeOp {
      func backward(_ engine: any Engine) throws(ScrlError) { throw ScrlError(.internal, "x") }
    }
    let bench = try Bench()
    bench.tape.record(Broken())
    bench.tape.record(Broken())
    #expect(throws: ScrlError.self) { try bench.tape.backward(bench.engine) }
    #expect(bench.tape.isEmpty)
  }
}
