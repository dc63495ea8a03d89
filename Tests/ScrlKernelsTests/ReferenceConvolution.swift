// Convolution written from its definition, in float64, over plain (N,C,H,W) order.

import TestSupport

@testable import ScrlKernels

struct NaiveConvolution {
  let g: ConvolutionGeometry
  let images, height, width: Int
  let outputHeight, outputWidth: Int

  init(_ g: ConvolutionGeometry, images: Int, height: Int, width: Int) throws {
    self.g = g
    (self.images, self.height, self.width) = (images, height, width)
    (outputHeight, outputWidth) = (try g.outputExtent(height), try g.outputExtent(width))
  }

  /// Calls body(index in x, index in weight, index in y) for every product of the definition.
  func forEachProduct(_ body: (Int, Int, Int) -> Void) {
    for n in 0..<images {
      for o in 0..<g.outputs {
        for oy in 0..<outputHeight {
          for ox in 0..<outputWidth {
            let y = ((n * g.outputs + o) * outputHeight + oy) * outputWidth + ox
            forEachTap(n, o, oy, ox) { x, weight in body(x, weight, y) }
          }
        }
      }
    }
  }

  private func forEachTap(_ n: Int, _ o: Int, _ oy: Int, _ ox: Int, _ body: (Int, Int) -> Void) {
    for i in 0..<g.inputs {
      for h in 0..<g.kernel {
        for w in 0..<g.kernel {
          let (iy, ix) = (oy * g.stride - g.padding + h, ox * g.stride - g.padding + w)
          guard 0..<height ~= iy, 0..<width ~= ix else { continue }
          body(
            ((n * g.inputs + i) * height + iy) * width + ix,
            ((o * g.inputs + i) * g.kernel + h) * g.kernel + w)
        }
      }
    }
  }
}
