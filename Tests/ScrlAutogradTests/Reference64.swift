// Forward passes in float64 on plain row-major arrays, written as the definitions read. Finite
// differences through them check every gradient: independent code, and no rounding to speak of.

struct Grid {
  var shape: [Int]
  var values: [Double]

  init(_ shape: [Int], _ values: [Double]) {
    self.shape = shape
    self.values = values
  }

  init(zeros shape: [Int]) {
    self.init(shape, [Double](repeating: 0, count: shape.reduce(1, *)))
  }

  /// (n,c,h,w)
  subscript(n: Int, c: Int, h: Int, w: Int) -> Double {
    get { values[((n * shape[1] + c) * shape[2] + h) * shape[3] + w] }
    set { values[((n * shape[1] + c) * shape[2] + h) * shape[3] + w] = newValue }
  }
}

enum Reference {
  static func convolution(_ x: Grid, _ weight: Grid, stride: Int, padding: Int) -> Grid {
    let (k, outputs) = (weight.shape[2], weight.shape[0])
    let height = (x.shape[2] + 2 * padding - k) / stride + 1
    let width = (x.shape[3] + 2 * padding - k) / stride + 1
    var y = Grid(zeros: [x.shape[0], outputs, height, width])
    for n in 0..<x.shape[0] {
      for o in 0..<outputs {
        for h in 0..<height {
          for w in 0..<width {
            var sum = 0.0
            for i in 0..<x.shape[1] {
              for a in 0..<k {
                for b in 0..<k {
                  let (row, column) = (h * stride + a - padding, w * stride + b - padding)
                  guard (0..<x.shape[2]).contains(row), (0..<x.shape[3]).contains(column) else {
                    continue
                  }
                  sum += x[n, i, row, column] * weight[o, i, a, b]
                }
              }
            }
            y[n, o, h, w] = sum
          }
        }
      }
    }
    return y
  }

  /// Over (N,C,H,W) or (N,F). Given moments: as constants.
  static func batchNorm(
    _ x: Grid, scale: [Double], shift: [Double], relu: Bool,
    moments: (mean: [Double], variance: [Double])? = nil
  ) -> Grid {
    let (rows, channels) = (x.shape[0], x.shape[1])
    let cells = x.shape.dropFirst(2).reduce(1, *)
    var y = x
    for c in 0..<channels {
      let places = (0..<rows * cells).map { ($0 / cells * channels + c) * cells + $0 % cells }
      let count = Double(places.count)
      let mean = moments?.mean[c] ?? places.reduce(0) { $0 + x.values[$1] } / count
      let variance =
        moments?.variance[c]
        ?? places.reduce(0) { $0 + (x.values[$1] - mean) * (x.values[$1] - mean) } / count
      for p in places {
        let value = (x.values[p] - mean) / (variance + 1e-5).squareRoot() * scale[c] + shift[c]
        y.values[p] = relu ? max(value, 0) : value
      }
    }
    return y
  }

  static func addReLU(_ a: Grid, _ b: Grid) -> Grid {
    Grid(a.shape, zip(a.values, b.values).map { max($0 + $1, 0) })
  }

  static func maxPool(_ x: Grid, kernel: Int, stride: Int, padding: Int) -> Grid {
    let height = (x.shape[2] + 2 * padding - kernel) / stride + 1
    let width = (x.shape[3] + 2 * padding - kernel) / stride + 1
    var y = Grid(zeros: [x.shape[0], x.shape[1], height, width])
    for n in 0..<x.shape[0] {
      for c in 0..<x.shape[1] {
        for h in 0..<height {
          for w in 0..<width {
            var best = -Double.infinity
            for row in h * stride - padding..<h * stride - padding + kernel {
              for column in w * stride - padding..<w * stride - padding + kernel {
                guard (0..<x.shape[2]).contains(row), (0..<x.shape[3]).contains(column) else {
                  continue
                }
                best = max(best, x[n, c, row, column])
              }
            }
            y[n, c, h, w] = best
          }
        }
      }
    }
    return y
  }

  static func globalAveragePool(_ x: Grid) -> Grid {
    let cells = x.shape[2] * x.shape[3]
    var y = Grid(zeros: [x.shape[0], x.shape[1]])
    for i in y.values.indices {
      y.values[i] = x.values[i * cells..<(i + 1) * cells].reduce(0, +) / Double(cells)
    }
    return y
  }

  static func linear(_ x: Grid, _ weight: Grid, _ bias: [Double]) -> Grid {
    let (inputs, outputs) = (weight.shape[1], weight.shape[0])
    var y = Grid(zeros: [x.shape[0], outputs])
    for n in 0..<x.shape[0] {
      for o in 0..<outputs {
        y.values[n * outputs + o] = (0..<inputs).reduce(bias[o]) {
          $0 + x.values[n * inputs + $1] * weight.values[o * inputs + $1]
        }
      }
    }
    return y
  }

  /// torchvision's definition; boxes (image, x0, y0, x1, y1) lie inside the image.
  /// - Parameter samples: per cell and axis; nil: ⌈box / output⌉.
  static func roiAlign(
    _ x: Grid, boxes: [[Double]], output: Int, scale: Double, samples: Int?, aligned: Bool = false
  ) -> Grid {
    var y = Grid(zeros: [boxes.count, x.shape[1], output, output])
    let (offset, least) = aligned ? (0.5, 0.0) : (0.0, 1.0)
    for (k, box) in boxes.enumerated() {
      let (x0, y0) = (box[1] * scale - offset, box[2] * scale - offset)
      let width = max(box[3] * scale - offset - x0, least) / Double(output)
      let height = max(box[4] * scale - offset - y0, least) / Double(output)
      let (across, down) = (samples ?? Int(width.rounded(.up)), samples ?? Int(height.rounded(.up)))
      for c in 0..<x.shape[1] {
        for h in 0..<output {
          for w in 0..<output {
            var sum = 0.0
            for a in 0..<down {
              for b in 0..<across {
                let row = y0 + (Double(h) + (Double(a) + 0.5) / Double(down)) * height
                let column = x0 + (Double(w) + (Double(b) + 0.5) / Double(across)) * width
                sum += bilinear(x, Int(box[0]), c, row, column)
              }
            }
            y[k, c, h, w] = sum / Double(down * across)
          }
        }
      }
    }
    return y
  }

  private static func bilinear(
    _ x: Grid, _ n: Int, _ c: Int, _ row: Double, _ column: Double
  ) -> Double {
    let r = min(max(row, 0), Double(x.shape[2] - 1))
    let q = min(max(column, 0), Double(x.shape[3] - 1))
    let (r0, q0) = (Int(r), Int(q))
    let (r1, q1) = (min(r0 + 1, x.shape[2] - 1), min(q0 + 1, x.shape[3] - 1))
    let (a, b) = (r - Double(r0), q - Double(q0))
    return (1 - a) * ((1 - b) * x[n, c, r0, q0] + b * x[n, c, r0, q1])
      + a * ((1 - b) * x[n, c, r1, q0] + b * x[n, c, r1, q1])
  }
}

/// d loss / d values[i] for every i, by central differences.
// h = 1e-6: truncation ~h²·|f'''| = 1e-12, rounding ~1e-16·|f|/h = 1e-10 for |f| ~ 1.
func finiteDifferences(_ values: [Double], _ loss: ([Double]) -> Double) -> [Double] {
  let h = 1e-6
  return values.indices.map { i in
    var (up, down) = (values, values)
    up[i] += h
    down[i] -= h
    return (loss(up) - loss(down)) / (2 * h)
  }
}
