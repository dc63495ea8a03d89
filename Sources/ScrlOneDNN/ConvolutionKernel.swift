// The kernel of one call: known, or chosen by running both on the call's own operands.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor

enum ConvolutionKernel {
  case known(Primitive)
  case open(ConvolutionCall, direct: Primitive, winograd: Primitive, ConvolutionChoices)

  /// Writes the one of x, weight, y that its kind says. What is there already must not matter:
  /// while choosing, it is written several times, by the chosen kernel last.
  func run(x: Tensor, weight: Tensor, y: Tensor) throws(ScrlError) {
    switch self {
    case .known(let primitive):
      try primitive.run(x: x, weight: weight, y: y)
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
    _ primitives: [Primitive], _ x: Tensor, _ weight: Tensor, _ y: Tensor
  ) throws(ScrlError) -> [Double] {
    var best = primitives.map { _ in Double.infinity }
    for round in 0...5 {
      for (index, primitive) in primitives.enumerated() {
        let start = monotonicSeconds()
        try primitive.run(x: x, weight: weight, y: y)
        if round > 0 { best[index] = min(best[index], monotonicSeconds() - start) }
      }
    }
    return best
  }
}

extension OneDNNEngine {
  /// nil: the reference must do it. Winograd is for 3×3, stride 1, and a frame of one zero.
  func kernel(_ kind: cdnn_kind, _ e: ConvolutionExtents) -> ConvolutionKernel? {
    guard let direct = primitive(kind, e) else { return nil }
    let g = e.geometry
    guard winograd != .never, g.kernel == 3, g.stride == 1, g.padding == 1, g.inputs != 3 else {
      return .known(direct)
    }
    let call = ConvolutionCall(kind, e, threads: workers.team)
    let choice = winograd == .always ? true : choices[call]
    guard choice ?? !choices.isFull, let rival = primitive(kind, e, CDNN_WINOGRAD) else {
      return .known(direct)
    }
    return choice == nil
      ? .open(call, direct: direct, winograd: rival, choices) : .known(rival)
  }

  package var algorithmChoices: String { choices.text }

  package func restoreAlgorithms(_ text: String) throws(ScrlError) { try choices.restore(text) }
}
