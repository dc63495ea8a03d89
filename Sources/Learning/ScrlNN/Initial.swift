// How the weights of a layer with a bias begin, by the names that detectors give to them.
// Fans are PyTorch's: of a weight (A,B,h,w) in = B·h·w and out = A·h·w, also of a transposed
// convolution, whose weight is (I,O,h,w).

package enum Initial: Equatable, Sendable {
  /// torch.nn's own: weight and bias uniform in ±1/√in.
  case standard
  /// Normal, bias zero.
  case normal(deviation: Double)
  /// Detectron2's c2_xavier_fill: uniform with variance 1/in, so in ±√(3/in); bias zero.
  case xavier
  /// Detectron2's c2_msra_fill (He et al. 2015): normal with variance 2/out; bias zero.
  case msra

  func weight(_ shape: [Int]) -> WeightSource.Distribution {
    let window = shape.dropFirst(2).reduce(1, *)
    let (fanIn, fanOut) = (Double(shape[1] * window), Double(shape[0] * window))
    switch self {
    case .standard: return .uniform(bound: 1 / fanIn.squareRoot())
    case .normal(let deviation): return .normal(deviation: deviation)
    case .xavier: return .uniform(bound: (3 / fanIn).squareRoot())
    case .msra: return .normal(deviation: (2 / fanOut).squareRoot())
    }
  }

  /// - Parameter shape: of the weight.
  func bias(_ shape: [Int]) -> WeightSource.Distribution {
    guard case .standard = self else { return .constant(0) }
    return weight(shape)
  }
}
