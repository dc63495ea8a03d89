// The two reductions of batch normalisation over rows of b channels, into float64 sums.
// Eight channels at a time as SIMD vectors, eight rows between a load and a store of their sums;
// rows are read in sequence, which the prefetcher follows.

import ScrlBase
import ScrlTensor

private typealias Floats = SIMD8<Float>
private typealias Doubles = SIMD8<Double>
private let rowTile = 8

/// sum += x, square += x², all in float64: a far mean must not spoil the variance.
func addMoments(
  _ x: UnsafePointer<Float>, _ rows: Int, _ width: Int, _ sum: UnsafeMutablePointer<Double>,
  _ square: UnsafeMutablePointer<Double>
) {
  let vectors = width & ~7
  for first in stride(from: 0, to: rows, by: rowTile) {
    let tile = min(rowTile, rows &- first)
    let x = x + first &* width
    var c = 0
    while c < vectors {
      var (s, q) = (doubles(sum, c), doubles(square, c))
      var row = 0
      while row < tile {
        let value = widened(floats(x, row &* width &+ c))
        s += value
        q.addProduct(value, value)
        row &+= 1
      }
      store(s, sum, c)
      store(q, square, c)
      c &+= 8
    }
    for c in vectors..<width {
      for row in 0..<tile {
        let value = Double(x[row &* width &+ c])
        sum[c] += value
        square[c].addProduct(value, value)
      }
    }
  }
}

extension NormChannels {
  /// sum += g, product += g·(x − mean), products in float32, where g is dy under the mask.
  func addGradients(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ rows: Int, _ channel: Int,
    _ relu: Bool, _ sum: UnsafeMutablePointer<Double>, _ product: UnsafeMutablePointer<Double>
  ) {
    let (mean, factor, shift) = (mean + channel, factor.pointer + channel, shift + channel)
    let vectors = width & ~7
    for first in stride(from: 0, to: rows, by: rowTile) {
      let tile = min(rowTile, rows &- first)
      let (dy, x) = (dy + first &* width, x + first &* width)
      var c = 0
      while c < vectors {
        let (m, f, b) = (floats(mean, c), floats(factor, c), floats(shift, c))
        var (s, p) = (doubles(sum, c), doubles(product, c))
        var row = 0
        while row < tile {
          let centred = floats(x, row &* width &+ c) - m
          var g = floats(dy, row &* width &+ c)
          if relu { g.replace(with: Floats(), where: .!(b.addingProduct(centred, f) .> Floats())) }
          s += widened(g)
          p += widened(g * centred)
          row &+= 1
        }
        store(s, sum, c)
        store(p, product, c)
        c &+= 8
      }
      for c in vectors..<width {
        for row in 0..<tile {
          let centred = x[row &* width &+ c] - mean[c]
          let masked = relu && !(shift[c].addingProduct(centred, factor[c]) > 0)
          let g = masked ? 0 : dy[row &* width &+ c]
          sum[c] += Double(g)
          product[c] += Double(g * centred)
        }
      }
    }
  }
}

@inline(__always)
private func floats(_ p: UnsafePointer<Float>, _ i: Int) -> Floats {
  UnsafeRawPointer(p + i).loadUnaligned(as: Floats.self)
}

@inline(__always)
private func doubles(_ p: UnsafeMutablePointer<Double>, _ i: Int) -> Doubles {
  UnsafeRawPointer(p + i).loadUnaligned(as: Doubles.self)
}

@inline(__always)
private func store(_ value: Doubles, _ p: UnsafeMutablePointer<Double>, _ i: Int) {
  UnsafeMutableRawPointer(p + i).storeBytes(of: value, as: Doubles.self)
}

/// Spelt by element: the compiler makes two conversions of four from it.
@inline(__always)
private func widened(_ v: Floats) -> Doubles {
  Doubles(
    Double(v[0]), Double(v[1]), Double(v[2]), Double(v[3]), Double(v[4]), Double(v[5]),
    Double(v[6]), Double(v[7]))
}
