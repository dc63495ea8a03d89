// Compiled convolutions. oneDNN generates code for each (kind, shape, thread count), which takes
// milliseconds: they are made once per process and shared by all engines.

import CDNN
import ScrlBase
import ScrlTensor

/// One compiled convolution. Immutable: any thread may run it, several at a time.
final class Primitive: @unchecked Sendable {
  private let handle: OpaquePointer
  let name: String  // of oneDNN's kernel
  let takesWeight: Bool  // as it lies; else each run reorders it
  private let scratchCount: Int

  /// nil: oneDNN has no kernel for this shape.
  fileprivate init?(_ shape: cdnn_shape) {
    var shape = shape
    var reason = [CChar](repeating: 0, count: 64)
    guard let made = cdnn_convolution_new(&shape, &reason, reason.count) else { return nil }
    handle = made
    name = String(cString: cdnn_convolution_name(made))
    takesWeight = cdnn_convolution_takes_weight(made) == 1
    scratchCount = (cdnn_convolution_scratch(made) + 3) / 4
  }

  deinit { cdnn_convolution_free(handle) }

  /// Writes the one of x, weight, y that its kind says.
  func run(x: Tensor, weight: Tensor, y: Tensor) throws(ScrlError) {
    try withScratch { scratch in
      cdnn_convolution_run(handle, x.pointer, weight.pointer, y.pointer, scratch)
    }
  }

  /// Of the kind CDNN_INFERENCE. Writes y, or adds to it.
  func infer(x: Tensor, weight: Tensor, bias: Tensor, y: Tensor) throws(ScrlError) {
    try withScratch { scratch in
      cdnn_convolution_infer(
        handle, x.pointer, weight.pointer, bias.pointer, y.pointer, scratch)
    }
  }

  private func withScratch(
    _ body: (UnsafeMutablePointer<Float>) -> Int32
  ) throws(ScrlError) {
    let scratch = try Tensor(uninitialized: [scratchCount])
    let status = withExtendedLifetime(scratch) { body(scratch.pointer) }
    guard status == 0 else {
      throw ScrlError(.internal, "onednn: \(name) ended with status \(status)")
    }
  }
}

final class PrimitiveCache: @unchecked Sendable {
  static let shared = PrimitiveCache()

  private let lock = RecursiveLock()
  private var made: [[Int32]: Primitive?] = [:]
  /// A network has about fifty; more shapes than this come from images of many sizes.
  private let capacity = 1024

  /// nil: oneDNN has no kernel for this shape.
  func primitive(_ shape: cdnn_shape) -> Primitive? {
    let key = shape.key
    return lock.locked {
      if let known = made[key] { return known }
      if made.count >= capacity { made.removeAll() }
      let primitive = Primitive(shape)
      made[key] = .some(primitive)
      return primitive
    }
  }
}

extension cdnn_shape {
  fileprivate var key: [Int32] {
    [
      kind, algorithm, images, inputs, outputs, height, width, kernel, stride, padding, block,
      plain_input, threads, adds, relu, bfloat16,
    ]
  }
}
