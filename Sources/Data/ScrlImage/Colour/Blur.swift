// The two blurs of a square view. Resize blur: shrink by 1.1, 1.2 or 1.5 and enlarge again, both
// bicubic (SCRL's official recipe). Gaussian: σ in 0.1...2.0 (BYOL, appendix B), kernel S/10 made
// odd, edges reflected without repeating the edge pixel, rounded to the nearest byte.

import Glibc
import ScrlBase

/// One per thread and view size: keeps the resize tables and scratch.
package final class Blurrer {
  package static let factors: [Double] = [1.1, 1.2, 1.5]
  static let sigmas: ClosedRange<Double> = 0.1...2.0

  private let size: Int  // S
  private var down: [ResampleAxis] = []  // by factor
  private var up: [ResampleAxis] = []
  private var small: [UInt8]  // (S,S,3)
  private var padded: [Float] = []
  private var columns: [Float] = []

  package init(size: Int) {
    self.size = size
    small = [UInt8](repeating: 0, count: size * size * 3)
    for factor in Blurrer.factors {
      let shrunk = Blurrer.shrunk(size, by: factor)
      down.append(ResampleAxis(from: size, to: shrunk))
      up.append(ResampleAxis(from: shrunk, to: size))
    }
  }

  /// ⌊size / factor⌋ of the exact quotient of the two doubles, at least 1: 165 by 1.1 is 149,
  /// since the double 1.1 is more than 11/10.
  static func shrunk(_ size: Int, by factor: Double) -> Int {
    let whole = Double(size) - Double(size).truncatingRemainder(dividingBy: factor)
    return max(1, Int((whole / factor).rounded()))
  }

  /// - Parameter level: index into `factors`.
  package func resizeBlur(level: Int, _ pixels: PixelPointer, _ resampler: Resampler) {
    let side = down[level].outputs
    small.withUnsafeMutableBufferPointer { buffer in
      guard let small = buffer.baseAddress else { return }
      resampler.resample(
        pixels, rowStride: size * 3, x: down[level], y: down[level], flipped: false, into: small)
      resampler.resample(
        small, rowStride: side * 3, x: up[level], y: up[level], flipped: false, into: pixels)
    }
  }

  package func gaussianBlur(sigma: Double, _ pixels: PixelPointer) {
    let radius = (size / 10) / 2
    guard radius > 0 else { return }
    let kernel = gaussianKernel(radius: radius, sigma: sigma)
    let rowCount = size * 3
    if columns.isEmpty {
      columns = [Float](repeating: 0, count: size * rowCount)
      padded = [Float](repeating: 0, count: (size + 2 * radius) * 3)
    }
    // Down the columns: a row of sums is a weighted sum of rows.
    columns.withUnsafeMutableBufferPointer { columns in
      for y in 0..<size {
        let line = y * rowCount
        for i in 0..<rowCount { columns[line &+ i] = 0.5 }  // rounds to nearest when cut
        for (tap, weight) in kernel.enumerated() {
          let source = pixels + reflected(y + tap - radius, size) * rowCount
          for i in 0..<rowCount { columns[line &+ i] += weight * Float(source[i]) }
        }
      }
    }
    for y in 0..<size { blurRow(y, kernel, radius, into: pixels + y * rowCount) }
  }

  /// Along one row of `columns`, padded by reflection. The kernel sums to 1, so the 0.5 stays.
  private func blurRow(_ y: Int, _ kernel: [Float], _ radius: Int, into row: PixelPointer) {
    let rowCount = size * 3
    for x in -radius..<size + radius {
      let source = y * rowCount + reflected(x, size) * 3
      let place = (x + radius) * 3
      for channel in 0..<3 { padded[place + channel] = columns[source + channel] }
    }
    columns.withUnsafeMutableBufferPointer { columns in
      padded.withUnsafeBufferPointer { padded in
        guard let sums = columns.baseAddress, let padded = padded.baseAddress else { return }
        let line = sums + y * rowCount
        for i in 0..<rowCount { line[i] = 0 }
        for (tap, weight) in kernel.enumerated() {
          let source = padded + 3 * tap
          for i in 0..<rowCount { line[i] += weight * source[i] }
        }
        for i in 0..<rowCount { row[i] = cut(line[i]) }
      }
    }
  }
}

/// exp(−x²/2σ²) over −radius...radius, summing to 1.
private func gaussianKernel(radius: Int, sigma: Double) -> [Float] {
  let values = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
  let total = values.reduce(0, +)
  return values.map { Float($0 / total) }
}

/// Mirrors an index at the first and the last cell; more than once when the image is tiny.
private func reflected(_ index: Int, _ count: Int) -> Int {
  guard count > 1 else { return 0 }
  let period = 2 * (count - 1)
  let place = ((index % period) + period) % period
  return min(place, period - place)
}
