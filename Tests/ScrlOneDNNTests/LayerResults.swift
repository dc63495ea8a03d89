// One convolution with its gradients on an engine, and single values of it in float64.

import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

struct Layer: CustomTestStringConvertible, Sendable {
  let inputs, outputs, kernel, stride, side, images: Int
  var testDescription: String {
    "\(inputs)→\(outputs) \(kernel)×\(kernel)/\(stride) on \(images)×\(side)×\(side)"
  }
  var geometry: ConvolutionGeometry {
    get throws {
      try ConvolutionGeometry(
        inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: (kernel - 1) / 2)
    }
  }
}

/// √(Σ(a − b)² / Σ b²)
func distance(_ a: [Float], _ b: [Float]) -> Double {
  var (error, norm) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    error += (Double(x) - Double(y)) * (Double(x) - Double(y))
    norm += Double(y) * Double(y)
  }
  return (error / norm).squareRoot()
}

/// To nearest, ties to even.
private func rounded(_ x: Float, bits: Int) -> Float {
  guard x != 0, bits < 24 else { return x }
  let unit = x.ulp * Float(1 << (24 - bits))
  return (x / unit).rounded(.toNearestOrEven) * unit
}

/// One convolution with its gradients, in plain order.
struct Results {
  let layer: Layer
  let side: Int  // of the output
  let x, w, dyValues: [Float]
  let y, dx, dw: [Float]

  /// - Parameters:
  ///   - relu: as after a ReLU: half of x is zero.
  ///   - bits: of the operands' significands, 24 or less.
  init(_ layer: Layer, _ engine: any Engine, relu: Bool = false, bits: Int = 24) throws {
    func numbers(_ count: Int, tag: Int) -> [Float] {
      TestSupport.numbers(count, tag: tag).map { rounded($0, bits: bits) }
    }
    let g = try layer.geometry
    self.layer = layer
    side = try g.outputExtent(layer.side)
    let signed = numbers(layer.images * g.inputs * layer.side * layer.side, tag: 1)
    x = relu ? signed.map { max($0, 0) } : signed
    w = numbers(g.weightShape.reduce(1, *), tag: 2)
    dyValues = numbers(layer.images * g.outputs * side * side, tag: 3)
    let input = try engine.activation(x, [layer.images, g.inputs, layer.side, layer.side])
    let dy = try engine.activation(dyValues, [layer.images, g.outputs, side, side])
    let weight = try engine.packWeight(try Tensor(w, shape: g.weightShape), g)
    let dWeight = try engine.zeroWeight(g)
    y = try plainValues(try engine.convolution(input, weight: weight, g))
    dx = try plainValues(
      try engine.convolutionBackwardInput(
        dy, weight: weight, inputHeight: layer.side, inputWidth: layer.side, g))
    try engine.convolutionBackwardWeight(dy, x: input, into: dWeight, g)
    dw = try engine.unpackWeight(dWeight, g).array
  }

  func exactOutput(_ index: Int) -> Double {
    let (image, channel) = (index / (side * side)).quotientAndRemainder(dividingBy: layer.outputs)
    let (row, column) = (index % (side * side)).quotientAndRemainder(dividingBy: side)
    var sum = 0.0
    for input in 0..<layer.inputs {
      for tap in 0..<layer.kernel * layer.kernel {
        let weight = w[(channel * layer.inputs + input) * layer.kernel * layer.kernel + tap]
        sum += Double(weight) * value(image, input, row, column, tap)
      }
    }
    return sum
  }

  func exactGradient(_ index: Int) -> Double {
    let taps = layer.kernel * layer.kernel
    let (output, input) = (index / taps).quotientAndRemainder(dividingBy: layer.inputs)
    var sum = 0.0
    for image in 0..<layer.images {
      for row in 0..<side {
        for column in 0..<side {
          let dy = dyValues[((image * layer.outputs + output) * side + row) * side + column]
          sum += Double(dy) * value(image, input, row, column, index % taps)
        }
      }
    }
    return sum
  }

  func exactInputGradient(_ index: Int) -> Double {
    let cells = layer.side * layer.side
    let (image, input) = (index / cells).quotientAndRemainder(dividingBy: layer.inputs)
    let (iy, ix) = (index % cells).quotientAndRemainder(dividingBy: layer.side)
    var sum = 0.0
    for tap in 0..<layer.kernel * layer.kernel {
      let (row, down) = (iy + layer.kernel / 2 - tap / layer.kernel)
        .quotientAndRemainder(dividingBy: layer.stride)
      let (column, across) = (ix + layer.kernel / 2 - tap % layer.kernel)
        .quotientAndRemainder(dividingBy: layer.stride)
      guard down == 0, across == 0, 0..<side ~= row, 0..<side ~= column else { continue }
      for output in 0..<layer.outputs {
        let weight = w[(output * layer.inputs + input) * layer.kernel * layer.kernel + tap]
        let dy = dyValues[((image * layer.outputs + output) * side + row) * side + column]
        sum += Double(weight) * Double(dy)
      }
    }
    return sum
  }

  /// The input cell that a tap of an output cell's window reads; zero outside.
  private func value(_ image: Int, _ input: Int, _ row: Int, _ column: Int, _ tap: Int) -> Double {
    let iy = row * layer.stride - layer.kernel / 2 + tap / layer.kernel
    let ix = column * layer.stride - layer.kernel / 2 + tap % layer.kernel
    guard 0..<layer.side ~= iy, 0..<layer.side ~= ix else { return 0 }
    return Double(x[((image * layer.inputs + input) * layer.side + iy) * layer.side + ix])
  }
}
