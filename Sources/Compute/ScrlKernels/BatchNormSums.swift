// The two reductions of batch normalisation over rows of b channels, into float64 sums.
// Row by row, eight channels at a time: rows taken together would be read at strides of b floats,
// which the prefetcher does not follow (measured from DRAM: half to a third of the speed).

import ScrlBase
import ScrlTensor

private typealias Floats = SIMD8<Float>
private typealias Doubles = SIMD8<Double>

/// sum += x, square += x², all in float64: a far mean must not spoil the variance.
func addMoments(
  _ x: UnsafePointer<Float>, _ rows: Int, _ width: Int, _ sum: UnsafeMutablePointer<Double>,
  _ square: UnsafeMutablePointer<Double>
) {
  for row in 0..<rows {
    let x = x + row &* width
    var c = 0
    while c &+ 8 <= width {
      let value = widened(floats(x, c))
      store(doubles(sum, c) + value, sum, c)
      store(doubles(square, c).addingProduct(value, value), square, c)
      c &+= 8
    }
    while c < width {
      let value = Double(x[c])
      sum[c] += value
      square[c].addProduct(value, value)
      c &+= 1
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
    for row in 0..<rows {
      let (dy, x) = (dy + row &* width, x + row &* width)
      var c = 0
      while c &+ 8 <= width {
        let centred = floats(x, c) - floats(mean, c)
        let y = floats(shift, c).addingProduct(centred, floats(factor, c))
        var g = floats(dy, c)
        if relu { g.replace(with: Floats(), where: .!(y .> Floats())) }
        store(doubles(sum, c) + widened(g), sum, c)
        store(doubles(product, c) + widened(g * centred), product, c)
        c &+= 8
      }
      while c < width {
        let centred = x[c] - mean[c]
        let masked = relu && !(shift[c].addingProduct(centred, factor[c]) > 0)
        let g = masked ? 0 : dy[c]
        sum[c] += Double(g)
        product[c] += Double(g * centred)
        c &+= 1
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
