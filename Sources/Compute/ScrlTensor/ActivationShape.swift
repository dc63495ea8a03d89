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

  /// Offset of the element that has this index in plain order, ((n·C + c)·H + h)·W + w.
  package func offset(plain index: Int) -> Int {
    let (plane, cell) = index.quotientAndRemainder(dividingBy: cells)
    let (image, channel) = plane.quotientAndRemainder(dividingBy: channels)
    let (block, lane) = channel.quotientAndRemainder(dividingBy: self.block)
    return offset(image: image, block: block, cell: cell) &+ lane
  }
}

extension ActivationShape {
  /// The extents of an activation (N,C,H,W) or a matrix (N,F).
  package init(_ operation: String, _ shape: [Int], _ layout: Layout) throws(ScrlError) {
    switch (shape.count, layout) {
    case (4, .blocked(let block)) where block > 0 && shape[1] % block == 0:
      self.init(
        images: shape[0], channels: shape[1], height: shape[2], width: shape[3], block: block)
    case (2, .plain), (2, .blocked):
      self.init(images: shape[0], channels: shape[1], height: 1, width: 1, block: shape[1])
    default:
      throw ScrlError(
        .shape, "\(operation): got shape \(shape), layout \(layout) · expected (N,C,H,W) or (N,F)")
    }
  }
}

extension Tensor {
  package func activationShape(_ operation: String) throws(ScrlError) -> ActivationShape {
    try ActivationShape(operation, shape, layout)
  }
}
