// Initial weights: addressed by seed, use and place; distributed as torchvision's.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlNN

@Suite("Initial weights")
struct InitialisationTests {
  private func convolution(seed: UInt64, use: RandomStream.Use = .weights, firstIndex: Int = 0)
    throws -> [Float]
  {
    var source = WeightSource(
      engine: try testEngine(), seed: seed, use: use, firstIndex: firstIndex)
    let layer = try Convolution(name: "c", inputs: 16, outputs: 32, kernel: 3, &source)
    return try layer.weight.plain().array
  }

  @Test("The same address gives the same weights, any other gives others")
  func addresses() throws {
    let weights = try convolution(seed: 1)
    #expect(try convolution(seed: 1) == weights)
    #expect(try convolution(seed: 2) != weights)
    #expect(try convolution(seed: 1, use: .targetWeights) != weights)
    #expect(try convolution(seed: 1, firstIndex: 1) != weights)
  }

  @Test("A module's weights do not depend on what is built after it")
  func prefixStable() throws {
    let engine = try testEngine()
    var alone = WeightSource(engine: engine, seed: 3)
    var both = WeightSource(engine: engine, seed: 3)
    let first = try Head(inputs: 4, hidden: 6, outputs: 2, &alone)
    let same = try Head(inputs: 4, hidden: 6, outputs: 2, &both)
    let other = try Head(inputs: 4, hidden: 6, outputs: 2, &both)
    #expect(try first.fc2.weight.plain().array == same.fc2.weight.plain().array)
    #expect(try first.fc2.weight.plain().array != other.fc2.weight.plain().array)
  }

  // 4608 samples: the mean's deviation is σ/68 and the deviation's own is σ/96; five of them.
  @Test("Convolutions are normal with variance 2 / fan_out")
  func kaiming() throws {
    let weights = try convolution(seed: 5).map(Double.init)
    let sigma = (2.0 / (32 * 9)).squareRoot()
    let count = Double(weights.count)
    let mean = weights.reduce(0, +) / count
    let deviation = (weights.reduce(0) { $0 + $1 * $1 } / count).squareRoot()
    #expect(abs(mean) < 5 * sigma / 68)
    #expect(abs(deviation - sigma) < 5 * sigma / 96)
    // A normal has 4.55 % outside 2σ; the count's deviation is √(4608·0.0455) = 14.
    let outside = weights.count { abs($0) > 2 * sigma }
    #expect(abs(outside - 210) < 70)
  }

  @Test("Linear layers are uniform in ±1/√I, BatchNorm starts as the identity")
  func others() throws {
    var source = WeightSource(engine: try testEngine(), seed: 5)
    let head = try Head(inputs: 25, hidden: 64, outputs: 4, &source)
    for values in [try head.fc1.weight.plain().array, try #require(head.fc1.bias).value.array] {
      #expect(values.allSatisfy { abs($0) <= 0.2 })
      #expect((values.max() ?? 0) > 0.15 && (values.min() ?? 0) < -0.15)
    }
    #expect(head.fc2.bias == nil)
    #expect(head.bn.scale.value.array.allSatisfy { $0 == 1 })
    #expect(head.bn.shift.value.array.allSatisfy { $0 == 0 })
    #expect(head.bn.runningMean.value.array.allSatisfy { $0 == 0 })
    #expect(head.bn.runningVariance.value.array.allSatisfy { $0 == 1 })
  }

  // Samples and deviations as above, of 8192 weights: 5/√8192 of the mean, 5/√16384 of a normal's
  // deviation, and of a uniform's a little less.
  @Test("Layers with a bias begin as they are told to, with PyTorch's fans, and bias zero")
  func named() throws {
    var source = WeightSource(engine: try testEngine(), seed: 9)
    let kinds: [(Initial, variance: Double, isUniform: Bool)] = [
      (.normal(deviation: 0.01), 1e-4, false), (.xavier, 1.0 / (32 * 4), true),
      (.msra, 2.0 / (64 * 4), false), (.standard, 1.0 / (3 * 32 * 4), true),
    ]
    for (initial, variance, isUniform) in kinds {
      // Weights (64,32,2,2), of a convolution 32→64 and a transposed one 64→32.
      let layer = try BiasedConvolution(
        name: "c", inputs: 32, outputs: 64, kernel: 2, initial: initial, &source)
      let transposed = try TransposedConvolution(
        name: "t", inputs: 64, outputs: 32, initial: initial, &source)
      #expect(layer.weight.plainShape == transposed.weight.plainShape)
      let linear = try Linear(
        name: "l", inputs: 128, outputs: 64, bias: true, initial: initial, &source)
      for (weight, bias) in [
        (layer.weight, layer.bias), (transposed.weight, transposed.bias),
        (linear.weight, try #require(linear.bias)),
      ] {
        // Out of a linear layer go 64, not 64·4.
        let isWider = weight.role == .linearWeight && initial == .msra
        let sigma = (isWider ? 4 * variance : variance).squareRoot()
        let values = try weight.plain().array.map(Double.init)
        let count = Double(values.count)
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / count).squareRoot()
        #expect(abs(values.reduce(0, +) / count) < 5 * sigma / count.squareRoot())
        #expect(abs(deviation - sigma) < 5 * sigma / (2 * count).squareRoot())
        let largest = values.reduce(0) { max($0, abs($1)) }
        #expect((largest <= 3.0.squareRoot() * sigma * (1 + 1e-6)) == isUniform)
        let isZero = bias.value.array.allSatisfy { $0 == 0 }
        #expect(isZero == (initial != .standard))
      }
    }
  }

  @Test("Neither the thread count nor a chunk's place repeats or changes weights")
  func threads() throws {
    func weights(_ threads: Int) throws -> [Float] {
      var source = WeightSource(engine: try OpenBLASEngine(workers: Workers(threads)), seed: 4)
      return try Linear(name: "l", inputs: 400, outputs: 400, bias: false, &source).weight.value
        .array
    }
    let one = try weights(1)
    #expect(try weights(3) == one)
    #expect(one[..<1000] != one[65_536..<66_536])
  }
}
