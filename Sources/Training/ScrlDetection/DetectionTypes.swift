// What goes into a detector's training and what comes out.

import ScrlImage

/// The objects of one image, in pixels of the image as the network sees it; crowds are left out.
package struct ImageTargets {
  package let boxes: [PixelBox]
  package let labels: [Int]  // 0…classes − 1
  package let masks: [RunLengths?]  // of the image's extents; nil: takes no part in the mask loss

  /// - Parameter masks: as many as boxes, or none.
  package init(boxes: [PixelBox], labels: [Int], masks: [RunLengths?] = []) {
    self.boxes = boxes
    self.labels = labels
    self.masks = masks
  }
}

package struct DetectionLosses: Equatable, Sendable {
  package var rpnObjectness = 0.0
  package var rpnBox = 0.0
  package var classification = 0.0
  package var box = 0.0
  package var mask = 0.0

  package var total: Double { rpnObjectness + rpnBox + classification + box + mask }
}

/// In pixels of the original image.
package struct Detection {
  package let box: PixelBox
  package let label: Int
  package let score: Float
  package let mask: RunLengths?
}
