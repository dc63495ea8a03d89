// The convolutions that a detector adds, on oneDNN: kernels are there for them, a few outputs are
// filled up to a block, and all equal the reference.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlOneDNN

// The pyramid's, the proposals' and the heads' of Mask R-CNN; the last is the mask's upsampling,
// which runs the gradient of its input forwards.
private let layers = [
  (256, 256, 3, 1, 25, 2), (2048, 256, 1, 1, 13, 2), (256, 256, 3, 1, 14, 8),
  (256, 256, 2, 2, 28, 8), (256, 80, 1, 1, 28, 3),
].map {
  Layer(
    inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, side: $0.4, images: $0.5)
}

private let narrow = [
  (256, 3, 1, 1, 25, 2), (256, 12, 1, 1, 13, 1), (32, 10, 3, 1, 7, 2), (64, 81, 1, 1, 5, 3),
  (16, 1, 3, 2, 9, 1),
].map {
  Layer(
    inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, side: $0.4, images: $0.5)
}

@Suite("A detector's convolutions", .enabled(if: oneDNNIsThere))
struct DetectorShapeTests {
  @Test("are computed by oneDNN's kernels, not by the fallback", arguments: layers + narrow)
  func kernels(_ layer: Layer) throws {
    let engine = try OneDNNEngine(workers: Workers(2), winograd: .never)
    let own = try layer.geometry
    let g = try engine.widened(own) ?? own
    #expect(g.outputs % 8 == 0 && g.outputs < own.outputs + 16)
    let e = try ConvolutionExtents(
      ActivationShape(
        images: layer.images, channels: g.inputs, height: layer.side, width: layer.side,
        block: g.inputs), g)
    for kind in [CDNN_FORWARD, CDNN_BACKWARD_DATA, CDNN_BACKWARD_WEIGHTS] {
      let primitive = try #require(engine.primitive(kind, e))
      #expect(primitive.name.hasPrefix("jit") || primitive.name.hasPrefix("brgconv"))
    }
  }

  // Both sides round; 1.5: the luck of the draw.
  @Test("equal the reference", arguments: layers + narrow, [1, 2])
  func reference(_ layer: Layer, threads: Int) throws {
    let fast = try Results(layer, try OneDNNEngine(workers: Workers(threads), winograd: .never))
    let slow = try Results(layer, try OpenBLASEngine(workers: Workers(threads)))
    let taps = layer.kernel * layer.kernel
    let pixels = layer.images * fast.side * fast.side
    #expect(distance(fast.y, slow.y) < 1.5 * 2.0.squareRoot() * sumRounding(taps * layer.inputs))
    #expect(distance(fast.dx, slow.dx) < 1.5 * 2.0.squareRoot() * sumRounding(taps * layer.outputs))
    #expect(distance(fast.dw, slow.dw) < 1.5 * 2.0.squareRoot() * sumRounding(pixels))
  }

  @Test("with a few outputs give the same bytes each time")
  func repeatable() throws {
    let engine = try OneDNNEngine(workers: Workers(2), winograd: .never)
    let (one, two) = (try Results(narrow[0], engine), try Results(narrow[0], engine))
    #expect(one.y == two.y && one.dx == two.dx && one.dw == two.dw)
  }
}
