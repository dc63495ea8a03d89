// The convolutions of ResNet-18 and 50 on oneDNN: against the reference, and against float64 sums.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlOneDNN

// Every kernel of both networks, on the maps of 224-pixel views and of small, odd ones.
private let layers = [
  (3, 64, 7, 2, 224, 1), (3, 64, 7, 2, 65, 3), (3, 64, 3, 1, 32, 2), (64, 64, 3, 1, 56, 1),
  (64, 64, 1, 1, 56, 2), (64, 256, 1, 1, 17, 3), (256, 64, 1, 1, 17, 2), (64, 128, 3, 2, 56, 1),
  (64, 128, 1, 2, 56, 1), (128, 128, 3, 1, 28, 1), (128, 128, 3, 2, 29, 2),
  (256, 512, 1, 2, 14, 2), (256, 256, 3, 1, 14, 2), (256, 256, 3, 2, 9, 1),
  (512, 1024, 1, 2, 5, 2), (256, 512, 3, 2, 14, 1), (512, 512, 3, 1, 7, 2), (512, 512, 3, 2, 3, 1),
  (512, 2048, 1, 1, 7, 2), (2048, 512, 1, 1, 7, 1), (1024, 2048, 1, 2, 4, 3),
].map {
  Layer(
    inputs: $0.0, outputs: $0.1, kernel: $0.2, stride: $0.3, side: $0.4, images: $0.5)
}

let oneDNNIsThere = TestEngine.all.contains(.onednn)

@Suite("ResNet's convolutions", .enabled(if: oneDNNIsThere))
struct ResNetShapeTests {
  @Test("are computed by oneDNN's kernels, not by the fallback", arguments: layers)
  func kernels(_ layer: Layer) throws {
    let engine = try OneDNNEngine(workers: Workers(2), winograd: .never)
    let g = try layer.geometry
    let e = try ConvolutionExtents(
      ActivationShape(
        images: layer.images, channels: g.inputs, height: layer.side, width: layer.side,
        block: g.inputs), g)
    let forward = try #require(engine.primitive(CDNN_FORWARD, e))
    let weights = try #require(engine.primitive(CDNN_BACKWARD_WEIGHTS, e))
    #expect(forward.takesWeight && weights.takesWeight)
    #expect(forward.name.hasPrefix("jit") && weights.name.hasPrefix("jit"))
    if g.inputs != 3 { #expect(engine.primitive(CDNN_BACKWARD_DATA, e) != nil) }
  }

  // Both sides round; 1.5: the luck of the draw.
  @Test("equal the reference", arguments: layers, [1, 2])
  func reference(_ layer: Layer, threads: Int) throws {
    let fast = try Results(layer, try OneDNNEngine(workers: Workers(threads), winograd: .never))
    let slow = try Results(layer, try OpenBLASEngine(workers: Workers(threads)))
    let taps = layer.kernel * layer.kernel
    let pixels = layer.images * fast.side * fast.side
    #expect(distance(fast.y, slow.y) < 1.5 * 2.0.squareRoot() * sumRounding(taps * layer.inputs))
    #expect(distance(fast.dx, slow.dx) < 1.5 * 2.0.squareRoot() * sumRounding(taps * layer.outputs))
    #expect(distance(fast.dw, slow.dw) < 1.5 * 2.0.squareRoot() * sumRounding(pixels))
  }

  @Test("equal float64 sums", arguments: layers)
  func exact(_ layer: Layer) throws {
    let results = try Results(layer, try OneDNNEngine(workers: Workers(2), winograd: .never))
    var (got, want) = ([Float](), [Float]())
    for index in stride(from: 0, to: results.y.count, by: results.y.count / 97 + 1) {
      got.append(results.y[index])
      want.append(Float(results.exactOutput(index)))
    }
    #expect(distance(got, want) < 1.5 * sumRounding(layer.kernel * layer.kernel * layer.inputs))
    (got, want) = ([], [])
    for index in stride(from: 0, to: results.dw.count, by: results.dw.count / 97 + 1) {
      got.append(results.dw[index])
      want.append(Float(results.exactGradient(index)))
    }
    let pixels = layer.images * results.side * results.side
    #expect(distance(got, want) < 1.5 * sumRounding(pixels))
  }

  @Test("give the same bytes on each run, and in engines that run side by side")
  func repeatable() throws {
    let layer = layers[16]  // 512→512, few pixels: the weight's gradient is shared by images
    let first = try Results(layer, try OneDNNEngine(workers: Workers(2), winograd: .never))
    let others = Gathered()
    Workers(4).run(4) { _ in
      // On a pool thread a convolution is alone on its thread.
      let results = try? Results(layer, try OneDNNEngine(workers: Workers(1), winograd: .never))
      others.add(results)
    }
    let alone = try Results(layer, try OneDNNEngine(workers: Workers(1), winograd: .never))
    #expect(others.all.count == 4)
    for other in others.all {
      #expect(other.y == alone.y && other.dx == alone.dx && other.dw == alone.dw)
    }
    for _ in 0..<3 {
      let again = try Results(layer, try OneDNNEngine(workers: Workers(2), winograd: .never))
      #expect(again.y == first.y && again.dx == first.dx && again.dw == first.dw)
    }
  }
}

private final class Gathered: @unchecked Sendable {
  private let lock = RecursiveLock()
  private(set) var all: [Results] = []
  func add(_ results: Results?) { lock.locked { if let results { all.append(results) } } }
}
