// Which cells an output cell of a box reads, and with what weight. Bilinear weights are products
// of one weight per axis, so each axis is summed over its samples first: the work per output
// cell is the cells it covers, not four times its samples.

import ScrlBase
import ScrlTensor

/// Sampling weights of one box: for every output cell the input cells it reads, in a fixed order.
/// Weights include the division by the sample count.
struct BoxBins {
  private let starts: [Int]  // of each output cell's weights, and the end
  private let weights: [(cell: Int, weight: Float)]

  init(_ box: RegionBox, _ options: RoIAlignOptions, _ shape: ActivationShape) {
    let rows = AxisBins(box.y0, box.y1, options.outputHeight, options, extent: shape.height)
    let columns = AxisBins(box.x0, box.x1, options.outputWidth, options, extent: shape.width)
    var (starts, weights) = ([0], [(cell: Int, weight: Float)]())
    for row in 0..<rows.count {
      for column in 0..<columns.count {
        for y in rows.cells(row) {
          for x in columns.cells(column) {
            let weight = Float(rows.weight(row, y) * columns.weight(column, x))
            weights.append((y * shape.width + x, weight))
          }
        }
        starts.append(weights.count)
      }
    }
    (self.starts, self.weights) = (starts, weights)
  }

  /// y (cells, b) = this box's cells of one panel x (H·W, b).
  func gather(
    _ x: UnsafePointer<Float>, _ block: Int, into y: UnsafeMutablePointer<Float>
  ) {
    forEachOutput { output, weights in
      let y = y + output &* block
      if block == laneCount {
        var sum = Lanes()
        for (cell, weight) in weights {
          sum = sum.addingProduct(Lanes(repeating: weight), lanes(x, cell &* block))
        }
        store(sum, y, 0)
      } else if block == 8 {
        var sum = SIMD8<Float>()
        for (cell, weight) in weights {
          sum = sum.addingProduct(SIMD8(repeating: weight), eightLanes(x, cell &* block))
        }
        store(sum, y, 0)
      } else {
        y.update(repeating: 0, count: block)
        for (cell, weight) in weights { addProduct(weight, x + cell &* block, block, to: y) }
      }
    }
  }

  /// dx += the adjoint of `gather`.
  func scatter(
    _ dy: UnsafePointer<Float>, _ block: Int, into dx: UnsafeMutablePointer<Float>
  ) {
    forEachOutput { output, weights in
      let dy = dy + output &* block
      for (cell, weight) in weights { addProduct(weight, dy, block, to: dx + cell &* block) }
    }
  }

  @inline(__always)
  private func forEachOutput(
    _ body: (Int, UnsafeBufferPointer<(cell: Int, weight: Float)>) -> Void
  ) {
    weights.withUnsafeBufferPointer { all in
      for output in 0..<starts.count - 1 {
        body(output, UnsafeBufferPointer(rebasing: all[starts[output]..<starts[output + 1]]))
      }
    }
  }
}

/// y += weight·x over b channels.
@inline(__always)
private func addProduct(
  _ weight: Float, _ x: UnsafePointer<Float>, _ block: Int, to y: UnsafeMutablePointer<Float>
) {
  var c = 0
  while c &+ laneCount <= block {
    store(lanes(y, c).addingProduct(Lanes(repeating: weight), lanes(x, c)), y, c)
    c &+= laneCount
  }
  if c &+ 8 <= block {
    store(eightLanes(y, c).addingProduct(SIMD8(repeating: weight), eightLanes(x, c)), y, c)
    c &+= 8
  }
  while c < block {
    y[c] = y[c].addingProduct(weight, x[c])
    c &+= 1
  }
}

private struct AxisBins {
  let count: Int
  private let extent: Int
  private var ranges: [Range<Int>]
  private var weights: [Double]  // (count, extent)

  func cells(_ bin: Int) -> Range<Int> { ranges[bin] }
  func weight(_ bin: Int, _ cell: Int) -> Double { weights[bin &* extent &+ cell] }

  /// Positions in float32, in torchvision's order of operations.
  init(_ low: Float, _ high: Float, _ count: Int, _ options: RoIAlignOptions, extent: Int) {
    self.count = count
    self.extent = extent
    ranges = [Range<Int>](repeating: 0..<0, count: count)
    weights = [Double](repeating: 0, count: count * extent)
    let offset: Float = options.aligned ? 0.5 : 0
    let start = low * options.spatialScale - offset
    let end = high * options.spatialScale - offset
    let length = options.aligned ? end - start : max(end - start, 1)
    let size = length / Float(count)
    let samples =
      options.samplingRatio > 0 ? options.samplingRatio : max(Int(size.rounded(.up)), 0)
    for bin in 0..<count {
      for sample in 0..<samples {
        let place =
          start + Float(bin) * size + (Float(sample) + 0.5) * size / Float(samples)
        add(place, to: bin, share: 1 / Double(samples))
      }
    }
  }

  /// Samples more than one cell outside count as zero; nearer ones read the border cell.
  private mutating func add(_ place: Float, to bin: Int, share: Double) {
    guard place >= -1, place <= Float(extent), extent > 0 else { return }
    let inside = max(place, 0)
    let low = min(Int(inside), extent - 1)
    let high = min(low + 1, extent - 1)
    let part = low == extent - 1 ? 0 : Double(inside - Float(low))
    weights[bin * extent + low] += (1 - part) * share
    weights[bin * extent + high] += part * share
    let known = ranges[bin]
    ranges[bin] =
      known.isEmpty
      ? low..<high + 1 : min(known.lowerBound, low)..<max(known.upperBound, high + 1)
  }
}
