// The engines that there are: tests of the seam run on each, and say which one is missing and why.

import ScrlBase
import ScrlKernels
import ScrlOneDNN
import ScrlTensor

package enum TestEngine: String, CaseIterable, Sendable {
  case openblas, onednn  // with direct convolutions
  case winograd  // oneDNN with Winograd's wherever it has them

  /// Those that work here, each once: Winograd matters to convolutions alone. OpenBLAS is required: without it the tests shall fail.
  package static let all: [TestEngine] = {
    do {
      _ = try OneDNNEngine.version()
      return [.openblas, .onednn]
    } catch {
      print("tests: on openblas alone: \(error)")
      return [.openblas]
    }
  }()

  package static let convolving = all.count > 1 ? allCases : all

  package func make(_ workers: Workers) throws -> any Engine {
    switch self {
    case .openblas: try OpenBLASEngine(workers: workers)
    case .onednn: try OneDNNEngine(workers: workers, winograd: .never)
    case .winograd: try OneDNNEngine(workers: workers, winograd: .always)
    }
  }
}

/// Each engine with each value, for tests that already have two arguments.
package func onEngines<Value: Sendable>(
  _ values: [Value], _ engines: [TestEngine] = TestEngine.all
) -> [(TestEngine, Value)] {
  engines.flatMap { engine in values.map { (engine, $0) } }
}

extension Engine {
  /// An activation (N,C,H,W) in this engine's blocks, from values in plain order.
  package func activation(_ values: [Float], _ shape: [Int]) throws -> Tensor {
    try Tensor(values, shape: shape)
      .blocked(channelBlock(for: shape[1]), workers: Workers(1))
  }

  package func zeroWeight(_ g: ConvolutionGeometry) throws -> Tensor {
    try packWeight(try Tensor(zeros: g.weightShape), g)
  }
}
