// Resize of a crop, byte for byte what Pillow's crop(…).resize(…, BICUBIC or BILINEAR) gives: a pass
// along each axis, each rounded and clipped to bytes. The rows come first, unless the height loses
// more than twice as many pixels as the width: Pillow 13's rule (older ones: always rows).
// Not here: other channel counts.

private let blockRows = 32
private let pixelBlockBytes = blockRows * 3  // three blocks of the inner loop

/// One per thread: keeps the bytes between the passes.
package final class Resampler {
  private var middle: [UInt8] = []
  private var turned: [UInt8] = []  // (columns, 32 rows, 3), a block of rows on its side
  private var sums = [UInt8](repeating: 0, count: pixelBlockBytes + 1)

  package init() {}

  /// - Parameters:
  ///   - source: the crop's first pixel; `rowStride` bytes between rows.
  ///   - target: (y.outputs, x.outputs, 3).
  package func resample(
    _ source: UnsafePointer<UInt8>, rowStride: Int, x: ResampleAxis, y: ResampleAxis,
    flipped: Bool, into target: UnsafeMutablePointer<UInt8>
  ) {
    let rows = y.span
    let columns = x.span
    let targetStride = x.outputs * 3
    let columnsFirst = y.shrinkage > 0 && y.shrinkage > 2 * x.shrinkage
    let stride = columnsFirst ? columns.count * 3 : targetStride
    let needed = stride * (columnsFirst ? y.outputs : rows.count)
    if middle.count < needed { middle = [UInt8](repeating: 0, count: needed) }
    let corner = source + rows.lowerBound * rowStride + columns.lowerBound * 3
    middle.withUnsafeMutableBufferPointer { buffer in
      guard let middle = buffer.baseAddress else { return }
      if columnsFirst {
        sumDown(corner, stride: rowStride, byteCount: stride, y, into: middle)
        sumAcross(
          middle, stride: stride, rows: y.outputs, x, flipped: flipped, into: target)
      } else {
        sumAcross(
          corner, stride: rowStride, rows: rows.count, x, flipped: flipped, into: middle)
        sumDown(middle, stride: stride, byteCount: stride, y, into: target)
      }
    }
  }

  /// The horizontal pass. `source` is the first pixel of the axis's span in the first row; rows
  /// of the target follow each other without padding.
  private func sumAcross(
    _ source: UnsafePointer<UInt8>, stride: Int, rows: Int, _ axis: ResampleAxis, flipped: Bool,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    guard rows >= blockRows else {
      for row in 0..<rows {
        sumOneRow(
          source + row * stride, axis, flipped: flipped, into: target + row * axis.outputs * 3)
      }
      return
    }
    let needed = axis.span.count * pixelBlockBytes + 1
    if turned.count < needed { turned = [UInt8](repeating: 0, count: needed) }
    turned.withUnsafeMutableBufferPointer { turned in
      sums.withUnsafeMutableBufferPointer { sums in
        guard let turned = turned.baseAddress, let sums = sums.baseAddress else { return }
        // Blocks of 32 rows; the last one overlaps the one before it rather than overshoot.
        var row = 0
        while true {
          turn(source + row * stride, stride: stride, pixels: axis.span.count, into: turned)
          sumTurned(
            turned, axis, flipped: flipped, sums, into: target + row * axis.outputs * 3)
          if row == rows &- blockRows { break }
          row = min(row &+ blockRows, rows &- blockRows)
        }
      }
    }
  }
}

/// 32 rows of pixels to (pixels, 32, 3). A pixel moves as four bytes; the fourth is overwritten by
/// the next, and the row's last pixel moves as three so that nothing after the row is read.
private func turn(
  _ source: UnsafePointer<UInt8>, stride: Int, pixels: Int,
  into turned: UnsafeMutablePointer<UInt8>
) {
  for pixel in 0..<pixels &- 1 {
    let from = UnsafeRawPointer(source + 3 &* pixel)
    let to = UnsafeMutableRawPointer(turned + pixelBlockBytes &* pixel)
    for row in 0..<blockRows {
      let bytes = from.loadUnaligned(fromByteOffset: row &* stride, as: UInt32.self)
      to.storeBytes(of: bytes, toByteOffset: 3 &* row, as: UInt32.self)
    }
  }
  for row in 0..<blockRows {
    let from = source + (row &* stride &+ 3 &* (pixels &- 1))
    let to = turned + (pixelBlockBytes &* (pixels &- 1) &+ 3 &* row)
    (to[0], to[1], to[2]) = (from[0], from[1], from[2])
  }
}

/// The horizontal pass of a turned block, turned back as it is written.
private func sumTurned(
  _ turned: UnsafePointer<UInt8>, _ axis: ResampleAxis, flipped: Bool,
  _ sums: UnsafeMutablePointer<UInt8>, into target: UnsafeMutablePointer<UInt8>
) {
  let outputs = axis.outputs
  axis.withPointers { starts, weights in
    for place in 0..<outputs {
      let output = flipped ? outputs &- 1 &- place : place
      let first = turned + (starts[output] &- axis.span.lowerBound) &* pixelBlockBytes
      for part in 0..<3 {
        sumBlock(
          first + part &* blockBytes, stride: pixelBlockBytes, weights + output &* axis.taps,
          taps: axis.taps, into: sums + part &* blockBytes)
      }
      let from = UnsafeRawPointer(sums)
      let to = target + 3 &* place
      for row in 0..<blockRows {
        let pixel = to + row &* outputs &* 3
        if place == outputs &- 1 {
          (pixel[0], pixel[1], pixel[2]) = (sums[3 &* row], sums[3 &* row + 1], sums[3 &* row + 2])
        } else {
          let bytes = from.loadUnaligned(fromByteOffset: 3 &* row, as: UInt32.self)
          UnsafeMutableRawPointer(pixel).storeBytes(of: bytes, as: UInt32.self)
        }
      }
    }
  }
}

private func sumOneRow(
  _ row: UnsafePointer<UInt8>, _ axis: ResampleAxis, flipped: Bool,
  into target: UnsafeMutablePointer<UInt8>
) {
  axis.withPointers { starts, weights in
    for output in 0..<axis.outputs {
      let from = row + (starts[output] - axis.span.lowerBound) * 3
      let to = target + 3 * (flipped ? axis.outputs - 1 - output : output)
      for channel in 0..<3 {
        to[channel] = sumByte(
          from + channel, stride: 3, weights + output * axis.taps, taps: axis.taps)
      }
    }
  }
}

/// The vertical pass: each output row is a weighted sum of source rows, byte by byte. `source` is
/// the first row of the axis's span; rows of the target follow each other without padding.
private func sumDown(
  _ source: UnsafePointer<UInt8>, stride: Int, byteCount: Int, _ axis: ResampleAxis,
  into target: UnsafeMutablePointer<UInt8>
) {
  axis.withPointers { starts, weights in
    for output in 0..<axis.outputs {
      let weight = weights + output &* axis.taps
      let top = source + (starts[output] &- axis.span.lowerBound) &* stride
      let line = target + output &* byteCount
      guard byteCount >= blockBytes else {
        for byte in 0..<byteCount {
          line[byte] = sumByte(top + byte, stride: stride, weight, taps: axis.taps)
        }
        continue
      }
      var byte = 0
      while true {
        sumBlock(top + byte, stride: stride, weight, taps: axis.taps, into: line + byte)
        if byte == byteCount &- blockBytes { break }
        byte = min(byte &+ blockBytes, byteCount &- blockBytes)
      }
    }
  }
}

extension ResampleAxis {
  /// Starts and weights, alive for the call.
  @inline(__always)
  fileprivate func withPointers(_ body: (UnsafePointer<Int>, UnsafePointer<Int32>) -> Void) {
    starts.withUnsafeBufferPointer { starts in
      weights.withUnsafeBufferPointer { weights in
        if let starts = starts.baseAddress, let weights = weights.baseAddress {
          body(starts, weights)
        }
      }
    }
  }
}
