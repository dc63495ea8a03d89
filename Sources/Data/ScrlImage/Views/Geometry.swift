// Where a view came from, and places in it.

package struct Crop: Sendable, Equatable {
  package var y: Int
  package var x: Int
  package var height: Int
  package var width: Int

  package init(y: Int, x: Int, height: Int, width: Int) {
    self.y = y
    self.x = x
    self.height = height
    self.width = width
  }
}

package struct ViewGeometry: Sendable, Equatable {
  package var crop: Crop  // source pixels
  package var flipped: Bool  // mirrored left to right, after the crop

  package init(crop: Crop, flipped: Bool) {
    self.crop = crop
    self.flipped = flipped
  }
}

/// A box in pixels of one view, edges not centres: 0 is the left edge of the first pixel.
package struct PixelBox: Sendable, Equatable {
  package var x0: Float
  package var y0: Float
  package var x1: Float
  package var y1: Float

  package init(x0: Float, y0: Float, x1: Float, y1: Float) {
    self.x0 = x0
    self.y0 = y0
    self.x1 = x1
    self.y1 = y1
  }
}

package struct ViewPairGeometry {
  package let view1: ViewGeometry
  package let view2: ViewGeometry
  package let boxes: [(PixelBox, PixelBox)]  // empty: the image takes no part in the loss
}
