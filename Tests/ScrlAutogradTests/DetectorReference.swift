// Definitions in float64 for the operations that detectors add: as the definitions read.

extension Reference {
  static func relu(_ x: Grid) -> Grid { Grid(x.shape, x.values.map { max($0, 0) }) }

  /// x + bias per channel.
  static func biased(_ x: Grid, _ bias: [Double]) -> Grid {
    let cells = x.shape.dropFirst(2).reduce(1, *)
    return Grid(
      x.shape, x.values.indices.map { x.values[$0] + bias[$0 / cells % x.shape[1]] })
  }

  static func upsampleAdd(_ coarse: Grid, _ fine: Grid) -> Grid {
    var y = fine
    for n in 0..<y.shape[0] {
      for c in 0..<y.shape[1] {
        for h in 0..<y.shape[2] {
          for w in 0..<y.shape[3] { y[n, c, h, w] += coarse[n, c, h / 2, w / 2] }
        }
      }
    }
    return y
  }

  /// Every second row and column, from the first.
  static func subsample(_ x: Grid) -> Grid {
    let (height, width) = ((x.shape[2] + 1) / 2, (x.shape[3] + 1) / 2)
    var y = Grid(zeros: [x.shape[0], x.shape[1], height, width])
    for n in 0..<x.shape[0] {
      for c in 0..<x.shape[1] {
        for h in 0..<height {
          for w in 0..<width { y[n, c, h, w] = x[n, c, 2 * h, 2 * w] }
        }
      }
    }
    return y
  }
}

/// Every product x[i]·w[j] that a convolution adds to y[k]. All of its sums, and those of its
/// gradients and of a transposed convolution, are over the same triples.
struct ConvolutionProducts {
  let x, weight, y: [Int]  // (N,I,H,W), (O,I,h,w), (N,O,H',W')
  private let stride, padding: Int

  init(x: [Int], weight: [Int], stride: Int, padding: Int) {
    (self.x, self.weight, self.stride, self.padding) = (x, weight, stride, padding)
    y = [x[0], weight[0]] + x[2...].map { ($0 + 2 * padding - weight[2]) / stride + 1 }
  }

  func forEach(_ body: (_ i: Int, _ j: Int, _ k: Int) -> Void) {
    let (inputs, window) = (x[1], weight[2])
    for k in 0..<y.reduce(1, *) {
      let (column, row) = (k % y[3], k / y[3] % y[2])
      let (o, n) = (k / (y[3] * y[2]) % y[1], k / (y[3] * y[2] * y[1]))
      for input in 0..<inputs {
        for a in 0..<window {
          for b in 0..<window {
            let (h, w) = (row * stride + a - padding, column * stride + b - padding)
            guard 0..<x[2] ~= h, 0..<x[3] ~= w else { continue }
            body(
              ((n * inputs + input) * x[2] + h) * x[3] + w,
              ((o * inputs + input) * window + a) * window + b, k)
          }
        }
      }
    }
  }
}
