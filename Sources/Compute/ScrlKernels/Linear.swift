// The fully connected layer: y (N,O) = x (N,I) · weight (O,I)ᵀ + bias (O), by the engine's product.

import ScrlBase
import ScrlTensor

extension Engine {
  package func linear(
    _ x: Tensor, weight: Tensor, bias: Tensor?
  ) throws(ScrlError) -> Tensor {
    let (rows, inputs, outputs) = try linearExtents("linear", x, weight, axis: 1)
    let result = try Tensor(uninitialized: [rows, outputs])
    if let bias {
      try expectCount("linear", "bias", bias, outputs)
      for row in 0..<rows {
        (result.pointer + row * outputs).update(from: bias.pointer, count: outputs)
      }
    }
    try multiply(
      rows, outputs, inputs, Matrix(start: x.pointer, stride: inputs),
      Matrix(start: weight.pointer, stride: inputs, transposed: true),
      beta: bias == nil ? 0 : 1, into: result)
    return result
  }

  /// dx (N,I) = dy (N,O) · weight (O,I)
  package func linearBackwardInput(_ dy: Tensor, weight: Tensor) throws(ScrlError) -> Tensor {
    let (rows, outputs, inputs) = try linearExtents("linear_backward_input", dy, weight, axis: 0)
    let result = try Tensor(uninitialized: [rows, inputs])
    try multiply(
      rows, inputs, outputs, Matrix(start: dy.pointer, stride: outputs),
      Matrix(start: weight.pointer, stride: inputs), beta: 0, into: result)
    return result
  }

  /// dWeight (O,I) += dyᵀ (O,N) · x (N,I); dBias (O) += Σ dy over the rows.
  package func linearBackwardParameters(
    _ dy: Tensor, x: Tensor, into dWeight: Tensor, _ dBias: Tensor?
  ) throws(ScrlError) {
    let operation = "linear_backward_parameters"
    let (rows, outputs, inputs) = try linearExtents(operation, dy, dWeight, axis: 0)
    guard x.shape == [rows, inputs] else {
      throw ScrlError(.shape, "\(operation): got x \(x.shape) · expected \([rows, inputs])")
    }
    if let dBias {
      try expectCount(operation, "dBias", dBias, outputs)
      addColumnSums(dy.pointer, rows, outputs, into: dBias.pointer)
    }
    try multiply(
      outputs, inputs, rows, Matrix(start: dy.pointer, stride: outputs, transposed: true),
      Matrix(start: x.pointer, stride: inputs), beta: 1, into: dWeight)
  }
}

/// (rows, the matrix's features, the weight's other extent). `axis`: the weight's extent that
/// the features must equal.
private func linearExtents(
  _ operation: String, _ matrix: Tensor, _ weight: Tensor, axis: Int
) throws(ScrlError) -> (Int, Int, Int) {
  guard matrix.shape.count == 2, weight.shape.count == 2, weight.layout == .plain,
    matrix.shape[1] == weight.shape[axis], matrix.shape[1] > 0, weight.shape[1 - axis] > 0
  else {
    throw ScrlError(
      .shape,
      "\(operation): got \(matrix.shape) and weight \(weight.shape) · expected "
        + "(N,F) with F the weight's extent \(axis)")
  }
  return (matrix.shape[0], matrix.shape[1], weight.shape[1 - axis])
}

/// One float64 sum per column, rows in order.
private func addColumnSums(
  _ dy: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
  into result: UnsafeMutablePointer<Float>
) {
  var sums = [Double](repeating: 0, count: columns)
  sums.withUnsafeMutableBufferPointer { sums in
    guard let sums = sums.baseAddress else { return }
    for row in 0..<rows {
      let line = dy + row &* columns
      for c in 0..<columns { sums[c] += Double(line[c]) }
    }
    for c in 0..<columns { result[c] += Float(sums[c]) }
  }
}
