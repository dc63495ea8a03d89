// Convolution without bias, by oneDNN. x (N,I,H,W) → y (N,O,H',W') in blocks of channels.
// A shape that oneDNN has no kernel for is computed by the reference: through NHWC and back; a few
// outputs of whole blocks (NarrowConvolution) are filled up. Not here: bias, groups, dilation.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  package func convolution(
    _ x: Tensor, weight: Tensor, _ g: ConvolutionGeometry, into y: Tensor
  ) throws(ScrlError) {
    let e = try extents("convolution", x, g)
    try expectWeight("convolution", weight, g, weightLayout(g))
    try expectActivation("convolution", y, e.outputShape, .blocked(channelBlock(for: g.outputs)))
    if let wide = try widened(g), e.images > 0 {
      try narrowConvolution(x, weight: weight, g, wide, into: y)
    } else if let kernel = kernel(CDNN_FORWARD, e) {
      try kernel.run(x: x, weight: weight, y: y)
    } else {
      let plain = try Tensor(uninitialized: y.shape, layout: .blocked(g.outputs))
      try reference.convolution(
        try nhwc(x), weight: try referenceWeight(weight, g), g, into: plain)
      try copy(plain, into: y)
    }
  }

  package func convolutionBackwardInput(
    _ dy: Tensor, weight: Tensor, _ g: ConvolutionGeometry, into dx: Tensor
  ) throws(ScrlError) {
    let operation = "convolution_backward_input"
    try expectWeight(operation, weight, g, weightLayout(g))
    let e = try extents(operation, dx, g)
    try expectActivation(operation, dy, e.outputShape, .blocked(channelBlock(for: g.outputs)))
    if let wide = try widened(g), e.images > 0 {
      try narrowBackwardInput(dy, weight: weight, g, wide, into: dx)
    } else if let kernel = kernel(CDNN_BACKWARD_DATA, e) {
      try kernel.run(x: dx, weight: weight, y: dy)
    } else {
      let plain = try Tensor(uninitialized: dx.shape, layout: .blocked(g.inputs))
      try reference.convolutionBackwardInput(
        try nhwc(dy), weight: try referenceWeight(weight, g), g, into: plain)
      try copy(plain, into: dx)
    }
  }

  /// dWeight += the correlation of dy with x.
  package func convolutionBackwardWeight(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) {
    let operation = "convolution_backward_weight"
    let e = try extents(operation, x, g)
    try expectWeight(operation, dWeight, g, weightLayout(g))
    try expectActivation(operation, dy, e.outputShape, .blocked(channelBlock(for: g.outputs)))
    if let wide = try widened(g), e.images > 0 {
      return try narrowBackwardWeight(dy, x: x, into: dWeight, g, wide)
    }
    guard let kernel = kernel(CDNN_BACKWARD_WEIGHTS, e) else {
      return try addReferenceGradient(dy, x, into: dWeight, g)
    }
    let sum = try Tensor(uninitialized: dWeight.shape, layout: dWeight.layout)
    try kernel.run(x: x, weight: sum, y: dy)
    try accumulate(dWeight, sum, workers)
  }
}

extension OneDNNEngine {
  /// nil: the reference must do it.
  func primitive(
    _ kind: cdnn_kind, _ e: ConvolutionExtents, _ algorithm: cdnn_algorithm = CDNN_DIRECT,
    adds: Bool = false, relu: Bool = false
  ) -> Primitive? {
    let g = e.geometry
    guard isBlocked(g), e.images > 0, g.padding < g.kernel,
      let images = Int32(exactly: e.images), let height = Int32(exactly: e.height),
      let width = Int32(exactly: e.width)
    else { return nil }
    var shape = cdnn_shape(
      kind: Int32(kind.rawValue), algorithm: Int32(algorithm.rawValue), images: images,
      inputs: Int32(g.inputs), outputs: Int32(g.outputs), height: height, width: width,
      output_height: Int32(e.outputHeight), output_width: Int32(e.outputWidth),
      kernel: Int32(g.kernel), stride: Int32(g.stride), padding: Int32(g.padding),
      block: Int32(block), plain_input: g.inputs == 3 ? 1 : 0, threads: Int32(workers.team),
      adds: adds ? 1 : 0, relu: relu ? 1 : 0, bfloat16: precision == .bfloat16 ? 1 : 0)
    if let primitive = PrimitiveCache.shared.primitive(shape) { return primitive }
    guard precision == .bfloat16 else { return nil }
    shape.bfloat16 = 0  // no kernel for it: more exact than asked for
    return PrimitiveCache.shared.primitive(shape)
  }

  func nhwc(_ x: Tensor) throws(ScrlError) -> Tensor {
    guard x.layout != .blocked(x.shape[1]) else { return x }
    return try x.plain(workers: workers).blocked(x.shape[1], workers: workers)
  }

  /// From NHWC into the blocks of `result`.
  func copy(_ nhwc: Tensor, into result: Tensor) throws(ScrlError) {
    guard case .blocked(let block) = result.layout else { return }
    let blocked =
      nhwc.layout == result.layout
      ? nhwc : try nhwc.plain(workers: workers).blocked(block, workers: workers)
    result.pointer.update(from: blocked.pointer, count: result.count)
  }

  func referenceWeight(
    _ weight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    isBlocked(g) ? try reference.packWeight(try unpackWeight(weight, g), g) : weight
  }

  private func addReferenceGradient(
    _ dy: Tensor, _ x: Tensor, into dWeight: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) {
    guard isBlocked(g) else {
      return try reference.convolutionBackwardWeight(
        try nhwc(dy), x: try nhwc(x), into: dWeight, g)
    }
    let sum = try Tensor(zeros: g.weightShape, layout: .outputFirst)
    try reference.convolutionBackwardWeight(try nhwc(dy), x: try nhwc(x), into: sum, g)
    try accumulate(dWeight, try packWeight(try reference.unpackWeight(sum, g), g), workers)
  }
}
