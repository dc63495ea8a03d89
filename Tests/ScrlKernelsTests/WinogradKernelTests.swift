// Our own Winograd against the definition of the convolution, in blocks of 8 and of 16 channels.

import ScrlBase
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlKernels

struct WinogradCase: CustomTestStringConvertible {
  let inputs, outputs, images, height, width, stride, block: Int
  var testDescription: String {
    "\(inputs)→\(outputs) on \(images)×\(height)×\(width), stride \(stride), in blocks of \(block)"
  }

  // With stride 1 and 2: whole tiles, cut ones, maps within one tile; more tiles than a thread takes
  // at once, and numbers of channels that threads cannot halve. The last four: so many channels that threads
  // share the points, and more tiles than they share at once (189 or 175); and so many that the
  // weight's gradient is cut into squares, incomplete ones among them, with more tiles than it
  // takes at once (96).
  static let all = [
    (16, 16, 2, 8, 8), (32, 16, 3, 7, 5), (16, 48, 2, 9, 14), (64, 32, 1, 3, 1), (48, 80, 2, 6, 6),
    (16, 16, 1, 1, 1), (16, 16, 1, 90, 83), (16, 32, 0, 5, 5),
    (192, 208, 1, 7, 5), (208, 192, 200, 1, 1),
    (272, 288, 1, 5, 7), (288, 272, 100, 1, 1),
  ].flatMap { c in
    [(1, 8), (1, 16), (2, 8), (2, 16)].map {
      WinogradCase(
        inputs: c.0, outputs: c.1, images: c.2, height: c.3, width: c.4, stride: $0.0, block: $0.1)
    }
  }
  var outputHeight: Int { (height - 1) / stride + 1 }
  var outputWidth: Int { (width - 1) / stride + 1 }
}

/// Operands in plain order and in blocks, and what our kernels make of them.
private struct Operands {
  let c: WinogradCase
  let g: ConvolutionGeometry
  let x, y, w: [Float]  // y: a gradient, or what the outputs are added to
  let blockedX, blockedY, weight: Tensor

  init(_ c: WinogradCase) throws {
    self.c = c
    g = try ConvolutionGeometry(
      inputs: c.inputs, outputs: c.outputs, kernel: 3, stride: c.stride, padding: 1)
    let shapes = [
      [c.images, c.inputs, c.height, c.width],
      [c.images, c.outputs, c.outputHeight, c.outputWidth],
    ]
    x = numbers(shapes[0].reduce(1, *), tag: 1)
    y = numbers(shapes[1].reduce(1, *), tag: 2)
    w = numbers(g.weightShape.reduce(1, *), tag: 3)
    let alone = Workers(1)
    blockedX = try Tensor(x, shape: shapes[0]).blocked(c.block, workers: alone)
    blockedY = try Tensor(y, shape: shapes[1]).blocked(c.block, workers: alone)
    weight = try Tensor(uninitialized: g.weightShape, layout: .weightBlocks(c.block))
    forEachWeight { weight.pointer[$1] = w[$0] }
  }

  /// Calls body(index in plain order, index in blocks).
  func forEachWeight(_ body: (Int, Int) -> Void) {
    let (b, taps) = (c.block, 9)
    for o in 0..<c.outputs {
      for i in 0..<c.inputs {
        let panel = (o / b * (c.inputs / b) + i / b) * taps
        for tap in 0..<taps {
          body((o * c.inputs + i) * taps + tap, ((panel + tap) * b + i % b) * b + o % b)
        }
      }
    }
  }

  func forward(
    _ threads: Int, bias: Tensor? = nil, adds: Bool = false, relu: Bool = false
  ) throws -> [Float] {
    let result = try blockedY.copied()
    try WinogradConvolution.forward(
      blockedX, weight: weight, stride: c.stride, block: c.block, into: result, bias: bias,
      adds: adds, relu: relu, Workers(threads))
    return try plainValues(result)
  }

  func backwardInput(_ threads: Int) throws -> [Float] {
    let dx = try blockedX.copied()
    try WinogradConvolution.backwardInput(
      blockedY, weight: weight, stride: c.stride, block: c.block, into: dx, Workers(threads))
    return try plainValues(dx)
  }

  func backwardWeight(_ threads: Int) throws -> [Float] {
    let result = try weight.copied()
    try WinogradConvolution.backwardWeight(
      blockedY, x: blockedX, stride: c.stride, block: c.block, into: result, Workers(threads))
    var plain = w
    forEachWeight { plain[$0] = result.pointer[$1] }
    return plain
  }
}

/// Of a sum of `count` products of numbers in [-1, 1), whose standard deviation is 1/3: four
/// standard deviations of its error, for the worst of some thousand sums.
private func bound(_ count: Int, _ c: WinogradCase) -> Double {
  4 * winogradRounding(count, stride: c.stride) * Double(count).squareRoot() / 3
}

@Suite("Our Winograd")
struct WinogradKernelTests {
  @Test("and its gradients equal the definition", arguments: WinogradCase.all)
  func definition(_ c: WinogradCase) throws {
    let o = try Operands(c)
    var y = [Double](repeating: 0, count: o.y.count)
    var dx = [Double](repeating: 0, count: o.x.count)
    var dw = [Double](repeating: 0, count: o.w.count)
    try NaiveConvolution(o.g, images: c.images, height: c.height, width: c.width)
      .forEachProduct { i, j, k in
        y[k] += Double(o.x[i]) * Double(o.w[j])
        dx[i] += Double(o.y[k]) * Double(o.w[j])
        dw[j] += Double(o.y[k]) * Double(o.x[i])
      }
    expectClose(try o.forward(2), y, absolute: bound(9 * c.inputs, c), "y")
    expectClose(try o.backwardInput(2), dx, absolute: bound(9 * c.outputs, c), "dx")
    let cells = max(c.images * c.outputHeight * c.outputWidth, 1)
    expectClose(try o.backwardWeight(2), dw, absolute: bound(cells, c), "dweight")
  }

  @Test("has the same bytes for one thread, two and three", arguments: WinogradCase.all)
  func threads(_ c: WinogradCase) throws {
    let o = try Operands(c)
    let one = (try o.forward(1), try o.backwardInput(1), try o.backwardWeight(1))
    for count in [2, 3] {
      #expect(try o.forward(count) == one.0)
      #expect(try o.backwardInput(count) == one.1)
      #expect(try o.backwardWeight(count) == one.2)
    }
  }

  @Test("adds bias and what is there, then cuts at 0", arguments: WinogradCase.all)
  func inference(_ c: WinogradCase) throws {
    let o = try Operands(c)
    let plain = try o.forward(1)
    let bias = numbers(c.outputs, tag: 4)
    let cells = c.outputHeight * c.outputWidth
    func channel(_ index: Int) -> Int { index / cells % c.outputs }
    let biased = plain.enumerated().map { $1 + bias[channel($0)] }
    let tensor = try Tensor(bias, shape: [c.outputs])
    #expect(try o.forward(2, bias: tensor) == biased)
    #expect(
      try o.forward(2, bias: tensor, adds: true, relu: true)
        == zip(biased, o.y).map { max($0 + $1, 0) })
  }

  @Test("refuses other windows, and channels that are no blocks of 16")
  func fitting() throws {
    func fits(_ i: Int, _ o: Int, _ kernel: Int, _ stride: Int, _ padding: Int) throws -> Bool {
      WinogradConvolution.fits(
        try ConvolutionGeometry(
          inputs: i, outputs: o, kernel: kernel, stride: stride, padding: padding))
    }
    #expect(try fits(16, 48, 3, 1, 1) == instructionSet().hasPrefix("AVX"))
    #expect(try fits(16, 48, 3, 2, 1) == fits(16, 48, 3, 1, 1))
    #expect(try !fits(16, 16, 3, 3, 1) && !fits(16, 16, 1, 1, 0) && !fits(16, 16, 3, 1, 0))
    #expect(try !fits(24, 16, 3, 1, 1) && !fits(16, 8, 3, 1, 1) && !fits(3, 16, 3, 1, 1))
  }
}
