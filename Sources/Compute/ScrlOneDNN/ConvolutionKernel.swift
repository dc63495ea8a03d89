// The kernel of one call: known, or chosen by running both on the call's own operands.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

/// One algorithm for one pass and shape.
protocol ConvolutionAlgorithm {
  /// Writes the one of x, weight, y that its pass says.
  func run(x: Tensor, weight: Tensor, y: Tensor) throws(ScrlError)
}

extension Primitive: ConvolutionAlgorithm {}

/// Our own Winograd, for CPUs on which oneDNN has none.
private struct OwnWinograd: ConvolutionAlgorithm {
  let kind: cdnn_kind
  let stride: Int
  let block: Int
  let workers: Workers

  func run(x: Tensor, weight: Tensor, y: Tensor) throws(ScrlError) {
    switch kind {
    case CDNN_BACKWARD_DATA:
      try WinogradConvolution.backwardInput(
        y, weight: weight, stride: stride, block: block, into: x, workers)
    case CDNN_BACKWARD_WEIGHTS:
      try WinogradConvolution.backwardWeight(
        y, x: x, stride: stride, block: block, into: weight, workers)
    default:
      try WinogradConvolution.forward(
        x, weight: weight, stride: stride, block: block, into: y, workers)
    }
  }
}

enum ConvolutionKernel {
  case known(any ConvolutionAlgorithm)
  case open(
    ConvolutionCall, direct: any ConvolutionAlgorithm, winograd: any ConvolutionAlgorithm,
    ConvolutionChoices)

  /// Writes the one of x, weight, y that its kind says. What is there already must not matter:
  /// while choosing, it is written several times, by the chosen kernel last.
  func run(x: Tensor, weight: Tensor, y: Tensor) throws(ScrlError) {
    switch self {
    case .known(let algorithm):
      try algorithm.run(x: x, weight: weight, y: y)
    case .open(let call, let direct, let winograd, let choices):
      let isWinograd = try choices.choose(call) { () throws(ScrlError) in
        let seconds = try ConvolutionKernel.seconds([direct, winograd], x, weight, y)
        return seconds[1] <= call.handicap * seconds[0]
      }
      try (isWinograd ? winograd : direct).run(x: x, weight: weight, y: y)
    }
  }

  /// The best of five runs each, in turn, after one to warm up.
  private static func seconds(
    _ algorithms: [any ConvolutionAlgorithm], _ x: Tensor, _ weight: Tensor, _ y: Tensor
  ) throws(ScrlError) -> [Double] {
    var best = algorithms.map { _ in Double.infinity }
    for round in 0...5 {
      for (index, algorithm) in algorithms.enumerated() {
        let start = monotonicSeconds()
        try algorithm.run(x: x, weight: weight, y: y)
        if round > 0 { best[index] = min(best[index], monotonicSeconds() - start) }
      }
    }
    return best
  }
}

extension OneDNNEngine {
  /// nil: the reference must do it. Winograd is for 3×3, stride 1 or 2, and a frame of one zero.
  func kernel(_ kind: cdnn_kind, _ e: ConvolutionExtents) -> ConvolutionKernel? {
    guard let direct = primitive(kind, e) else { return nil }
    guard mayUseWinograd(e) else { return .known(direct) }
    let call = ConvolutionCall(kind, e, threads: workers.team)
    let choice = winograd == .always ? true : choices[call]
    guard choice ?? !choices.isFull, let rival = winogradAlgorithm(kind, e) else {
      return .known(direct)
    }
    return choice == nil
      ? .open(call, direct: direct, winograd: rival, choices) : .known(rival)
  }

  /// oneDNN's where it has one (AVX-512), else ours.
  private func winogradAlgorithm(
    _ kind: cdnn_kind, _ e: ConvolutionExtents
  ) -> (any ConvolutionAlgorithm)? {
    if let primitive = primitive(kind, e, CDNN_WINOGRAD) { return primitive }
    guard fitsOwnWinograd(e.geometry) else { return nil }
    return OwnWinograd(kind: kind, stride: e.geometry.stride, block: block, workers: workers)
  }

  /// With stride 2 it saves less than half of the products: no match for vectors twice as wide.
  func fitsOwnWinograd(_ g: ConvolutionGeometry) -> Bool {
    WinogradConvolution.fits(g) && (g.stride == 1 || block == 8)
  }

  private func mayUseWinograd(_ e: ConvolutionExtents) -> Bool {
    let g = e.geometry
    return winograd != .never && g.kernel == 3 && g.stride <= 2 && g.padding == 1 && g.inputs != 3
  }

  /// Inference measures nothing: an image's features shall not depend on what else the machine did.
  func inferenceAlgorithm(_ e: ConvolutionExtents) -> cdnn_algorithm {
    let isWorthIt = manyTiles(images: e.images, height: e.outputHeight, width: e.outputWidth)
    return mayUseWinograd(e) && (isWorthIt || winograd == .always) ? CDNN_WINOGRAD : CDNN_DIRECT
  }

  package var algorithmChoices: String { choices.text }

  package func restoreAlgorithms(_ text: String) throws(ScrlError) { try choices.restore(text) }
}
