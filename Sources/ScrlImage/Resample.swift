// Bicubic resize of a crop, byte for byte what Pillow's crop(…).resize(…, BICUBIC) gives: a pass
// along each axis, each rounded and clipped to bytes. The rows come first, unless the height
// loses more than twice as many pixels as the width: Pillow 13's rule (older ones: always rows).
// Not here: other filters, other channel counts.

/// One per thread: keeps the bytes between the passes.
final class Resampler {
  private var middle: [UInt8] = []
  private var lastRow: [UInt8] = []

  /// - Parameters:
  ///   - source: the crop's first pixel; `rowStride` bytes between rows.
  ///   - endsMemory: true when nothing readable follows the crop's last pixel.
  ///   - target: (y.outputs, x.outputs, 3).
  func resample(
    _ source: UnsafePointer<UInt8>, width: Int, height: Int, rowStride: Int,
    endsMemory: Bool, x: ResampleAxis, y: ResampleAxis, flipped: Bool,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    let rows = y.span
    let columns = x.span
    let targetStride = x.outputs * 3
    let columnsFirst = y.shrinkage > 0 && y.shrinkage > 2 * x.shrinkage
    // One byte more: pixels are loaded as four bytes.
    let needed = 1 + (columnsFirst ? y.outputs * columns.count * 3 : rows.count * targetStride)
    if middle.count < needed { middle = [UInt8](repeating: 0, count: needed) }
    middle.withUnsafeMutableBufferPointer { buffer in
      guard let middle = buffer.baseAddress else { return }
      if columnsFirst {
        let stride = columns.count * 3
        sumRows(
          source + columns.lowerBound * 3, stride: rowStride, firstRow: 0, byteCount: stride, y,
          into: middle)
        for row in 0..<y.outputs {
          sumPixels(
            middle + row * stride, firstPixel: columns.lowerBound, x, flipped: flipped,
            into: target + row * targetStride)
        }
        return
      }
      for row in rows {
        let line = middle + (row - rows.lowerBound) * targetStride
        let pixels = source + row * rowStride
        if endsMemory, row == height - 1 {
          withLastRow(pixels, byteCount: width * 3) {
            sumPixels($0, firstPixel: 0, x, flipped: flipped, into: line)
          }
        } else {
          sumPixels(pixels, firstPixel: 0, x, flipped: flipped, into: line)
        }
      }
      sumRows(
        middle, stride: targetStride, firstRow: rows.lowerBound, byteCount: targetStride, y,
        into: target)
    }
  }

  /// A copy with the byte more that `sumPixels` reads.
  private func withLastRow(
    _ row: UnsafePointer<UInt8>, byteCount: Int, _ body: (UnsafePointer<UInt8>) -> Void
  ) {
    lastRow.removeAll(keepingCapacity: true)
    lastRow.append(contentsOf: UnsafeBufferPointer(start: row, count: byteCount))
    lastRow.append(0)
    lastRow.withUnsafeBufferPointer { copy in
      if let start = copy.baseAddress { body(start) }
    }
  }
}

private let half = Int32(1) << (ResampleAxis.precisionBits - 1)

/// The horizontal pass of one row, which starts at the source's pixel `firstPixel`. Each pixel is
/// loaded as four bytes, so one byte after the row is read.
private func sumPixels(
  _ row: UnsafePointer<UInt8>, firstPixel: Int, _ axis: ResampleAxis, flipped: Bool,
  into line: UnsafeMutablePointer<UInt8>
) {
  axis.withPointers { starts, counts, weights in
    var weight = weights
    var place = flipped ? line + (axis.outputs &- 1) &* 3 : line
    let step = flipped ? -3 : 3
    for output in 0..<axis.outputs {
      var pixel = UnsafeRawPointer(row + (starts[output] &- firstPixel) &* 3)
      var sum = SIMD4<Int32>(repeating: half)
      for tap in 0..<counts[output] {
        let bytes = pixel.loadUnaligned(as: SIMD4<UInt8>.self)
        sum &+= SIMD4<Int32>(truncatingIfNeeded: bytes) &* weight[tap]
        pixel += 3
      }
      let value = (sum &>> ResampleAxis.precisionBits)
        .clamped(lowerBound: .zero, upperBound: SIMD4(repeating: 255))
      place[0] = UInt8(truncatingIfNeeded: value[0])
      place[1] = UInt8(truncatingIfNeeded: value[1])
      place[2] = UInt8(truncatingIfNeeded: value[2])
      place += step
      weight += axis.taps
    }
  }
}

/// The vertical pass: each output row is a weighted sum of source rows, byte by byte. The source
/// starts at row `firstRow`; the target's rows follow each other without padding.
private func sumRows(
  _ source: UnsafePointer<UInt8>, stride: Int, firstRow: Int, byteCount: Int,
  _ axis: ResampleAxis, into target: UnsafeMutablePointer<UInt8>
) {
  axis.withPointers { starts, counts, weights in
    for output in 0..<axis.outputs {
      let weight = weights + output * axis.taps
      let top = source + (starts[output] - firstRow) * stride
      let line = target + output * byteCount
      guard byteCount >= 16 else {
        for byte in 0..<byteCount {
          var sum = half
          for tap in 0..<counts[output] { sum &+= Int32(top[tap * stride + byte]) &* weight[tap] }
          let value = min(max(sum >> ResampleAxis.precisionBits, 0), 255)
          line[byte] = UInt8(truncatingIfNeeded: value)
        }
        continue
      }
      // Blocks of 16; the last one overlaps the one before it rather than overshoot.
      var byte = 0
      while true {
        sumBlock(top + byte, stride, counts[output], weight, into: line + byte)
        if byte == byteCount &- 16 { break }
        byte = min(byte &+ 16, byteCount &- 16)
      }
    }
  }
}

@inline(__always)
private func sumBlock(
  _ top: UnsafePointer<UInt8>, _ stride: Int, _ count: Int, _ weight: UnsafePointer<Int32>,
  into line: UnsafeMutablePointer<UInt8>
) {
  var source = UnsafeRawPointer(top)
  var sum = SIMD16<Int32>(repeating: half)
  for tap in 0..<count {
    let bytes = source.loadUnaligned(as: SIMD16<UInt8>.self)
    sum &+= SIMD16<Int32>(truncatingIfNeeded: bytes) &* weight[tap]
    source += stride
  }
  let value = (sum &>> ResampleAxis.precisionBits)
    .clamped(lowerBound: .zero, upperBound: SIMD16(repeating: 255))
  UnsafeMutableRawPointer(line).storeBytes(
    of: SIMD16<UInt8>(truncatingIfNeeded: value), as: SIMD16<UInt8>.self)
}
