// The five extents that every elementwise kernel walks: (N, C/b, H, W, b).

import ScrlBase

package struct ActivationShape: Equatable, Sendable {
  package let images: Int  // N
  package let channels: Int  // C
  package let height: Int  // H
  package let width: Int  // W
  package let block: Int  // b

  package init(images: Int, channels: Int, height: Int, width: Int, block: Int) {
    self.images = images
    self.channels = channels
    self.height = height
    self.width = width
    self.block = block
  }

  package var blocks: Int { channels / block }
  package var cells: Int { height * width }
  package var count: Int { images * channels * height * width }

  /// Offset of the b channels of one cell.
  package func offset(image: Int, block: Int, cell: Int) -> Int {
    ((image &* blocks &+ block) &* cells &+ cell) &* self.block
  }
}

extension Tensor {
  /// The extents of an activation (N,C,H,W) or a matrix (N,F).
  package func activationShape(_ operation: String) throws(ScrlError) -> ActivationShape {
    switch (shape.count, layout) {
    case (4, .blocked(let block)) where block > 0 && shape[1] % block == 0:
      return ActivationShape(
        images: shape[0], channels: shape[1], height: shape[2], width: shape[3], block: block)
    case (2, .plain), (2, .blocked):
      return ActivationShape(
        images: shape[0], channels: shape[1], height: 1, width: 1, block: shape[1])
    default:
      throw ScrlError(
        .shape, "\(operation): got shape \(shape), layout \(layout) · expected (N,C,H,W) or (N,F)")
    }
  }
}
