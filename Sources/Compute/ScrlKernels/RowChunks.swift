// An activation cut into chunks of rows, a row being the b channels of one cell. The cut depends
// on the shape alone, so sums per chunk, added in order, do not depend on the thread count.

import ScrlBase
import ScrlTensor

struct RowChunks {
  let width: Int  // b
  let count: Int
  private let blocks: Int
  private let rows: Int  // per panel: the cells of one (image, block), or all when b = C
  private let grain: Int
  private let chunksPerPanel: Int

  init(_ shape: ActivationShape) {
    width = shape.block
    blocks = shape.blocks
    let whole = shape.blocks == 1
    rows = whole ? shape.images * shape.cells : shape.cells
    grain = max(64, 32_768 / shape.block)  // 128 KiB, and few sums beside the rows
    chunksPerPanel = (rows + grain - 1) / grain
    count = (whole ? 1 : shape.images * shape.blocks) * chunksPerPanel
  }

  /// Offset of the chunk's first element, its rows, and the channel its rows begin with.
  subscript(index: Int) -> (offset: Int, rows: Int, channel: Int) {
    let (panel, chunk) = index.quotientAndRemainder(dividingBy: chunksPerPanel)
    let first = chunk * grain
    return (
      (panel * rows + first) * width, min(grain, rows - first), panel % blocks * width
    )
  }
}

extension Engine {
  /// Calls body(offset, channel, rows) for every chunk.
  func sweepRows(_ shape: ActivationShape, _ body: (Int, Int, Int) -> Void) {
    let chunks = RowChunks(shape)
    workers.run(chunks.count) { index in
      let (offset, rows, channel) = chunks[index]
      body(offset, channel, rows)
    }
  }

  /// Adds two float64 sums per channel over all rows into `first` and `second`.
  /// body(offset, channel, rows, one, two) adds one chunk's rows into b + b sums that begin at zero.
  func sumOverRows(
    _ shape: ActivationShape, into first: inout [Double], _ second: inout [Double],
    _ body: (
      Int, Int, Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>
    ) -> Void
  ) throws(ScrlError) {
    let chunks = RowChunks(shape)
    let width = chunks.width
    try withDoubleScratch(chunks.count * width * 2) { partial in
      workers.run(chunks.count) { index in
        let (offset, rows, channel) = chunks[index]
        let sums = partial + index * width * 2
        sums.update(repeating: 0, count: width * 2)
        body(offset, channel, rows, sums, sums + width)
      }
      for index in 0..<chunks.count {
        let sums = partial + index * width * 2
        let channel = chunks[index].channel
        for c in 0..<width {
          first[channel + c] += sums[c]
          second[channel + c] += sums[width + c]
        }
      }
    }
  }
}

extension Tensor {
  /// `activationShape`, which must not have zero channels.
  func rowsShape(_ operation: String) throws(ScrlError) -> ActivationShape {
    guard shape.count >= 2, shape[1] > 0 else {
      throw ScrlError(.shape, "\(operation): got shape \(shape) · expected (N,C,H,W) or (N,F)")
    }
    return try activationShape(operation)
  }
}

func expectSame(_ operation: String, _ a: Tensor, _ b: Tensor) throws(ScrlError) {
  guard a.shape == b.shape, sameMemoryOrder(a, b) else {
    throw ScrlError(
      .shape,
      "\(operation): got \(b.shape) \(b.layout) · expected \(a.shape) \(a.layout)")
  }
}

/// A matrix is the same memory in plain and in blocked layout.
private func sameMemoryOrder(_ a: Tensor, _ b: Tensor) -> Bool {
  a.layout == b.layout || a.shape.count == 2
}

func expectCount(
  _ operation: String, _ what: String, _ tensor: Tensor, _ count: Int
) throws(ScrlError) {
  guard tensor.count == count else {
    throw ScrlError(.shape, "\(operation): got \(what) \(tensor.shape) · expected \(count) values")
  }
}
