// One axis of Pillow's resize: which source cells each output cell sums, and with what whole-number
// weights. The kernel is Keys' cubic with a = −1/2 or a triangle, stretched by the shrink factor.

package enum ResampleFilter: Sendable {
  case bicubic, bilinear

  /// Source cells to each side that a kernel of stretch 1 reaches.
  var reach: Double { self == .bicubic ? 2 : 1 }

  func weight(at position: Double) -> Double {
    self == .bicubic ? cubicKernel(position) : max(0, 1 - abs(position))
  }
}

package struct ResampleAxis {
  /// Weights are multiples of 2⁻²²: 32 bits less 8 for the pixel and 2 for overshoot.
  static let precisionBits: Int32 = 22

  private(set) var shrinkage = 0  // source − target cells; negative when enlarging
  private(set) var outputs = 0  // output cells
  private(set) var taps = 0  // weights per output cell, the same for all: shorter sums hold zeros
  private(set) var starts: [Int] = []  // (outputs) first source cell
  private(set) var weights: [Int32] = []  // (outputs, taps)
  private(set) var span = 0..<0  // source cells that any output cell needs
  private var bounds: [Range<Int>] = []
  private var kernel: [Double] = []

  init() {}

  package init(from source: Int, to target: Int, _ filter: ResampleFilter = .bicubic) {
    rebuild(from: source, to: target, window: 0..<target, filter)
  }

  /// `source` cells become `target`; only the window of the target is computed. All counts ≥ 1.
  mutating func rebuild(
    from source: Int, to target: Int, window: Range<Int>, _ filter: ResampleFilter = .bicubic
  ) {
    let scale = Double(source) / Double(target)
    let stretch = max(scale, 1)
    let support = filter.reach * stretch
    shrinkage = source - target
    outputs = window.count
    taps = 0
    bounds.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    weights.removeAll(keepingCapacity: true)
    for output in window {
      let center = (Double(output) + 0.5) * scale
      let start = max(Int(center - support + 0.5), 0)
      let end = min(Int(center + support + 0.5), source)
      bounds.append(start..<end)
      taps = max(taps, end - start)
    }
    for (output, cells) in zip(window, bounds) {
      let start = min(cells.lowerBound, source - taps)
      starts.append(start)
      for _ in start..<cells.lowerBound { weights.append(0) }
      appendWeights(
        cells, center: (Double(output) + 0.5) * scale, stretch: stretch, filter)
      for _ in cells.upperBound..<start + taps { weights.append(0) }
    }
    span = (starts.first ?? 0)..<(starts.last ?? 0) + taps
  }

  private mutating func appendWeights(
    _ cells: Range<Int>, center: Double, stretch: Double, _ filter: ResampleFilter
  ) {
    kernel.removeAll(keepingCapacity: true)
    var total = 0.0
    let shrink = 1 / stretch
    for cell in cells {
      let weight = filter.weight(at: (Double(cell) - center + 0.5) * shrink)
      kernel.append(weight)
      total += weight
    }
    let one = Double(1 << ResampleAxis.precisionBits)
    for weight in kernel {
      let normal = total != 0 ? weight / total : weight
      weights.append(Int32(normal < 0 ? normal * one - 0.5 : normal * one + 0.5))
    }
  }
}

/// Keys (1981), a = −1/2.
private func cubicKernel(_ position: Double) -> Double {
  let a = -0.5
  let x = abs(position)
  if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
  if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
  return 0
}
