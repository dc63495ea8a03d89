// What COCO's detection metrics look at: true objects and scored detections of images, by number.
// Boxes are x, y of the top left corner and the sides, in pixels, as COCO writes them.
// Not here: files (CocoFiles), the metrics (CocoMetrics).

import ScrlBase
import ScrlImage

/// What is laid over each other to decide whether a detection has found an object.
package enum CocoKind: String, Sendable, CaseIterable {
  case bbox
  case segm
}

package struct CocoBox: Sendable, Equatable {
  package var x: Double
  package var y: Double
  package var width: Double
  package var height: Double

  package init(x: Double, y: Double, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  package init(_ box: PixelBox) {
    let (x0, y0) = (Double(box.x0), Double(box.y0))
    self.init(x: x0, y: y0, width: Double(box.x1) - x0, height: Double(box.y1) - y0)
  }

  package var area: Double { width * height }

  var isFinite: Bool { [x, y, width, height].allSatisfy(\.isFinite) }
  var hasFiniteArea: Bool { isFinite && area.isFinite }

  /// The corners as the polygon that COCO's tools draw for a detection without a mask.
  var outline: [Double] {
    [x, y, x, y + height, x + width, y + height, x + width, y]
  }
}

/// One true object. The order of objects of one image and class decides ties, as in COCO.
package struct CocoObject: Sendable {
  package var image: Int
  package var category: Int
  package var box: CocoBox
  package var area: Double
  package var isCrowd: Bool
  package var mask: RunLengths?
  /// false: pycocotools takes an object whose id is 0 for none when it counts what was found.
  package var isCounted: Bool

  /// - Parameter area: as annotated; nil: the mask's, or else the box's.
  package init(
    image: Int, category: Int, box: CocoBox, area: Double? = nil, isCrowd: Bool = false,
    mask: RunLengths? = nil, isCounted: Bool = true
  ) {
    self.image = image
    self.category = category
    self.box = box
    self.area = area ?? mask.map { Double($0.area) } ?? box.area
    self.isCrowd = isCrowd
    self.mask = mask
    self.isCounted = isCounted
  }
}

/// One detection. Equal scores keep their order.
package struct CocoDetection: Sendable {
  package var image: Int
  package var category: Int
  package var box: CocoBox
  package var score: Double
  package var area: Double
  package var mask: RunLengths?

  /// - Parameter area: decides the range that an unmatched detection falls into; nil: the mask's,
  ///   or else the box's.
  package init(
    image: Int, category: Int, box: CocoBox, score: Double, area: Double? = nil,
    mask: RunLengths? = nil
  ) {
    self.image = image
    self.category = category
    self.box = box
    self.score = score
    self.area = area ?? mask.map { Double($0.area) } ?? box.area
    self.mask = mask
  }
}

func check(
  _ object: CocoObject, _ place: Int, _ kind: CocoKind, categories: Int
) throws(ScrlError) {
  try check(
    "object \(place)", object.category, object.box, object.area, object.mask, kind,
    categories: categories)
}

func check(
  _ detection: CocoDetection, _ place: Int, _ kind: CocoKind, categories: Int
) throws(ScrlError) {
  try check(
    "detection \(place)", detection.category, detection.box, detection.area, detection.mask, kind,
    categories: categories)
  guard detection.score.isFinite else {
    throw ScrlError(
      .data, "coco: detection \(place) has score \(detection.score) · expected a finite number")
  }
}

private func check(
  _ name: @autoclosure () -> String, _ category: Int, _ box: CocoBox, _ area: Double,
  _ mask: RunLengths?, _ kind: CocoKind, categories: Int
) throws(ScrlError) {
  guard category >= 0, category < categories else {
    throw ScrlError(
      .data, "coco: \(name()) has category \(category) · expected 0 ..< \(categories)")
  }
  guard box.isFinite, area.isFinite else {
    throw ScrlError(.data, "coco: \(name()) has \(box), area \(area) · expected finite numbers")
  }
  guard kind == .bbox || mask != nil else {
    throw ScrlError(.data, "coco: \(name()) has no mask · expected one for segm")
  }
}
