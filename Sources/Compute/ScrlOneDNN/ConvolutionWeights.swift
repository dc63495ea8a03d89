// The order of convolution weights, fixed by the geometry: (O/b, I/b, h, w, b, b), which forward
// and weight gradient take as it lies; (O/b, h, w, I, b) for an RGB input; the reference's order
// where b does not divide the channels. No padding: a packed weight has as many elements.

import ScrlBase
import ScrlKernels
import ScrlTensor

extension OneDNNEngine {
  /// Whether oneDNN's kernels fit the channels; else the convolution is the reference's.
  func isBlocked(_ g: ConvolutionGeometry) -> Bool {
    g.outputs % block == 0 && (g.inputs == 3 || g.inputs % block == 0)
  }

  func weightLayout(_ g: ConvolutionGeometry) -> Layout {
    isBlocked(g) ? .weightBlocks(block) : .outputFirst
  }

  package func packWeight(_ plain: Tensor, _ g: ConvolutionGeometry) throws(ScrlError) -> Tensor {
    guard isBlocked(g) else { return try reference.packWeight(plain, g) }
    try expectWeight("pack_weight", plain, g, .plain)
    let packed = try Tensor(uninitialized: g.weightShape, layout: .weightBlocks(block))
    let (from, to) = (plain.pointer, packed.pointer)
    forEachWeight(g) { plainIndex, packedIndex in to[packedIndex] = from[plainIndex] }
    return packed
  }

  package func unpackWeight(
    _ packed: Tensor, _ g: ConvolutionGeometry
  ) throws(ScrlError) -> Tensor {
    guard isBlocked(g) else { return try reference.unpackWeight(packed, g) }
    try expectWeight("unpack_weight", packed, g, .weightBlocks(block))
    let plain = try Tensor(uninitialized: g.weightShape)
    let (from, to) = (packed.pointer, plain.pointer)
    forEachWeight(g) { plainIndex, packedIndex in to[plainIndex] = from[packedIndex] }
    return plain
  }

  /// Calls body(index in (O,I,h,w), index in the packed order) for every weight.
  private func forEachWeight(_ g: ConvolutionGeometry, _ body: (Int, Int) -> Void) {
    let taps = g.kernel * g.kernel
    let inner = g.inputs == 3 ? 3 : block  // input channels that lie side by side
    for output in 0..<g.outputs {
      let (outputBlock, outputRest) = output.quotientAndRemainder(dividingBy: block)
      for input in 0..<g.inputs {
        let (inputBlock, inputRest) = input.quotientAndRemainder(dividingBy: inner)
        let plain = (output * g.inputs + input) * taps
        let panel = (outputBlock * (g.inputs / inner) + inputBlock) * taps
        for tap in 0..<taps {
          body(plain + tap, ((panel + tap) * inner + inputRest) * block + outputRest)
        }
      }
    }
  }
}
