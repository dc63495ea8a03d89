// Bicubic resize of a crop, byte for byte what Pillow's crop(…).resize(…, BICUBIC) gives: a
// horizontal pass to bytes, then a vertical pass to bytes, each rounded and clipped.
// Not here: other filters, other channel counts.

/// One per thread: keeps the bytes between the passes.
final class Resampler {
  private var middle: [UInt8] = []  // (rows of the vertical span, stride)
  private var lastRow: [UInt8] = []  // a padded copy of the source's last row

  /// - Parameters:
  ///   - source: (height, width, 3) with `rowStride` bytes between rows; the crop's first pixel.
  ///   - isLastRow: true for the row after which the source's memory ends.
  ///   - target: (y.outputs, x.outputs, 3).
  func resample(
    _ source: UnsafePointer<UInt8>, width: Int, height: Int, rowStride: Int,
    endsMemory: Bool, x: ResampleAxis, y: ResampleAxis, flipped: Bool,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    // Rows are read and written in blocks of 16 bytes; the padding takes what overshoots.
    let stride = (x.outputs * 3 + 31) & ~15
    let rows = y.span
    let needed = rows.count * stride
    if middle.count < needed { middle = [UInt8](repeating: 0, count: needed) }
    middle.withUnsafeMutableBufferPointer { buffer in
      guard let middle = buffer.baseAddress else { return }
      for row in rows {
        let line = middle + (row - rows.lowerBound) * stride
        if endsMemory, row == height - 1 {
          lastRow.removeAll(keepingCapacity: true)
          lastRow.append(contentsOf: UnsafeBufferPointer(start: source + row * rowStride, count: width * 3))
          lastRow.append(0)
          lastRow.withUnsafeBufferPointer { copy in
            guard let start = copy.baseAddress else { return }
            horizontal(start, x, flipped: flipped, into: line)
          }
        } else {
          horizontal(source + row * rowStride, x, flipped: flipped, into: line)
        }
      }
      vertical(middle, stride: stride, byteCount: x.outputs * 3, y, into: target)
    }
  }
}

private let half = Int32(1) << (ResampleAxis.precisionBits - 1)

/// One row. Each pixel is loaded as four bytes, so the row must be followed by one more byte.
/// Writes one byte past the row's end.
@inline(__always)
private func horizontal(
  _ row: UnsafePointer<UInt8>, _ axis: ResampleAxis, flipped: Bool,
  into line: UnsafeMutablePointer<UInt8>
) {
  axis.weights.withUnsafeBufferPointer { weights in
    axis.starts.withUnsafeBufferPointer { starts in
      axis.counts.withUnsafeBufferPointer { counts in
        guard var weight = weights.baseAddress else { return }
        let outputs = axis.outputs
        for output in 0..<outputs {
          var pixel = UnsafeRawPointer(row + starts[output] &* 3)
          var sum = SIMD4<Int32>(repeating: half)
          for tap in 0..<counts[output] {
            let bytes = pixel.loadUnaligned(as: SIMD4<UInt8>.self)
            sum &+= SIMD4<Int32>(truncatingIfNeeded: bytes) &* weight[tap]
            pixel += 3
          }
          let byte = clipped(sum)
          let place = line + (flipped ? outputs &- 1 &- output : output) &* 3
          place[0] = byte[0]
          place[1] = byte[1]
          place[2] = byte[2]
          weight += axis.taps
        }
      }
    }
  }
}

private func vertical(
  _ middle: UnsafePointer<UInt8>, stride: Int, byteCount: Int, _ axis: ResampleAxis,
  into target: UnsafeMutablePointer<UInt8>
) {
  axis.weights.withUnsafeBufferPointer { weights in
    guard let weights = weights.baseAddress else { return }
    let origin = axis.span.lowerBound
    for output in 0..<axis.outputs {
      let weight = weights + output * axis.taps
      let count = axis.counts[output]
      let top = UnsafeRawPointer(middle + (axis.starts[output] - origin) * stride)
      let line = target + output * byteCount
      var byte = 0
      while byte < byteCount {
        var source = top + byte
        var sum = SIMD16<Int32>(repeating: half)
        for tap in 0..<count {
          let bytes = source.loadUnaligned(as: SIMD16<UInt8>.self)
          sum &+= SIMD16<Int32>(truncatingIfNeeded: bytes) &* weight[tap]
          source += stride
        }
        let result = clipped(sum)
        if byte + 16 <= byteCount {
          UnsafeMutableRawPointer(line + byte).storeBytes(of: result, as: SIMD16<UInt8>.self)
        } else {
          for lane in 0..<byteCount - byte { line[byte + lane] = result[lane] }
        }
        byte += 16
      }
    }
  }
}

@inline(__always)
private func clipped(_ sum: SIMD4<Int32>) -> SIMD4<UInt8> {
  let value = sum &>> ResampleAxis.precisionBits
  return SIMD4<UInt8>(
    truncatingIfNeeded: value.clamped(lowerBound: .zero, upperBound: SIMD4(repeating: 255)))
}

@inline(__always)
private func clipped(_ sum: SIMD16<Int32>) -> SIMD16<UInt8> {
  let value = sum &>> ResampleAxis.precisionBits
  return SIMD16<UInt8>(
    truncatingIfNeeded: value.clamped(lowerBound: .zero, upperBound: SIMD16(repeating: 255)))
}
