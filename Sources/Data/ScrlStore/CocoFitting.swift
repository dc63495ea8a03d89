// One annotation, fitted into its image. A good box is kept whatever its mask is worth, a good piece
// of a mask whatever the others are; a box that is of no use is made from the mask.

import ScrlBase
import ScrlImage

/// Why an annotation cannot be used.
struct CocoRefusal: Error { let reason: CocoReason }

struct CocoFitting {
  private(set) var clipped: CocoReason?
  private(set) var changes: [CocoReason]
  private let annotation: CocoAnnotations.Annotation
  private let size: CocoAnnotations.Size
  private var corners: (x0: Float, y0: Float, x1: Float, y1: Float) = (0, 0, 0, 0)
  private var mask: RunLengths?
  private var outline: [Double]?  // left, top, right, bottom of the polygons that are kept

  init(
    _ annotation: CocoAnnotations.Annotation, in size: CocoAnnotations.Size
  ) throws(CocoRefusal) {
    (self.annotation, self.size) = (annotation, size)
    changes = annotation.changes
    do throws(CocoRefusal) {
      if let fault = annotation.maskFault { throw CocoRefusal(reason: fault) }
      try fitMask()
    } catch {
      (mask, clipped) = (nil, nil)
      changes.append(
        CocoReason(
          "kept without its mask: " + error.reason.kind,
          error.reason.text + ": kept without its mask"))
    }
    do throws(CocoRefusal) {
      if let fault = annotation.boxFault { throw CocoRefusal(reason: fault) }
      if let box = annotation.box { try fitBox(box) }
    } catch {
      guard fitBoxToMask() else { throw error }
      changes.append(
        CocoReason(
          "box taken from the mask: " + error.reason.kind,
          error.reason.text + ": the box is that of its mask"))
    }
  }

  func box(label: Int32) -> AnnotatedBox {
    var flags: BoxFlags = []
    if annotation.isCrowd { flags.insert(.crowd) }
    if annotation.isDifficult { flags.insert(.difficult) }
    return AnnotatedBox(
      x0: corners.x0, y0: corners.y0, x1: corners.x1, y1: corners.y1, label: label,
      mask: mask?.compressed, area: annotation.area.map { Float($0) }, flags: flags)
  }

  private mutating func fitBox(_ box: CocoAnnotations.Box) throws(CocoRefusal) {
    let sides = [box.x, box.y, box.width, box.height]
    guard sides.allSatisfy({ abs($0) <= farthest }) else {
      throw refusal(
        "bbox of no finite pixels", "its bbox is \(sides), expected finite numbers of pixels")
    }
    let (x0, x1) = (Float(box.x), Float(box.x + box.width))
    let (y0, y1) = (Float(box.y), Float(box.y + box.height))
    guard x0 < x1, y0 < y1 else {
      throw refusal("bbox has no area", "its bbox \(sides) has no area")
    }
    let (width, height) = (Float(size.width), Float(size.height))
    corners = (max(0, x0), max(0, y0), min(width, x1), min(height, y1))
    guard corners.x0 < corners.x1, corners.y0 < corners.y1 else {
      throw refusal(
        "bbox lies outside the image",
        "its bbox \(sides) lies outside the image of \(size.width)×\(size.height)")
    }
    if corners != (x0, y0, x1, y1) {
      clipped = CocoReason(
        "bbox reaches out of the image",
        "its bbox \(sides) reaches out of the image of \(size.width)×\(size.height)")
    }
  }

  private mutating func fitBoxToMask() -> Bool {
    guard let mask else { return false }
    if let outline {
      let (width, height) = (Double(size.width), Double(size.height))
      corners = (
        Float(max(0, outline[0])), Float(max(0, outline[1])), Float(min(width, outline[2])),
        Float(min(height, outline[3]))
      )
      if corners.x0 < corners.x1, corners.y0 < corners.y1 { return true }
    }
    let bounds = mask.bounds
    corners = (
      Float(bounds.x), Float(bounds.y), Float(bounds.x + bounds.width),
      Float(bounds.y + bounds.height)
    )
    return corners.x0 < corners.x1
  }

  private mutating func fitMask() throws(CocoRefusal) {
    do throws(ScrlError) {
      switch annotation.segmentation {
      case .none: return
      case .counts(let counts, let told):
        try check(told)
        let runs = counts.lazy.map { Int($0) }
        mask = try RunLengths(uncompressed: runs, height: size.height, width: size.width)
      case .compressed(let text, let told):
        try check(told)
        mask = try RunLengths(compressed: text, height: size.height, width: size.width)
      case .polygons(let polygons):
        let pieces = CocoPieces(polygons, in: size)
        guard !pieces.good.isEmpty else {
          let reason = pieces.faults.first ?? CocoReason("no polygon")
          throw ScrlError(.data, reason.text)
        }
        mask = try rasterise(polygons: pieces.good, height: size.height, width: size.width)
        outline = pieces.outline
        changes += pieces.faults.map { fault in
          CocoReason("a polygon ignored: " + fault.kind, fault.text + ": ignored")
        }
        clipped = pieces.clipped.map { CocoReason("polygon reaches out of the image", $0) }
      }
      if let mask, mask.area == 0 { throw ScrlError(.data, "its segmentation covers no pixel") }
    } catch {
      throw refusal("unusable segmentation", error.message)
    }
  }

  private func check(_ told: CocoAnnotations.Size) throws(ScrlError) {
    guard told == size else {
      let has = "the image has \(size.width)×\(size.height)"
      throw ScrlError(
        .data, "its run lengths are of \(told.width)×\(told.height) pixels, \(has)")
    }
  }

  private func refusal(_ kind: String, _ text: String) -> CocoRefusal {
    CocoRefusal(reason: CocoReason(kind, text))
  }
}

/// The polygons of one mask that can be drawn, and why the others cannot.
package struct CocoPieces {
  package private(set) var good: [[Double]] = []
  package private(set) var faults: [CocoReason] = []
  package private(set) var clipped: String?
  private(set) var outline = [Double.infinity, .infinity, -.infinity, -.infinity]

  /// - Parameter size: of the image, outside of which a polygon is of no use; nil: anywhere is fine.
  package init(_ polygons: [[Double]], in size: CocoAnnotations.Size?) {
    for (number, polygon) in polygons.enumerated() {
      if let fault = add(polygon, number, size) { faults.append(fault) }
    }
  }

  private mutating func add(
    _ polygon: [Double], _ number: Int, _ size: CocoAnnotations.Size?
  ) -> CocoReason? {
    guard polygon.count >= 6, polygon.count % 2 == 0 else {
      return CocoReason(
        "a count of numbers that is odd or below 6",
        "its polygon \(number) has \(polygon.count) numbers, expected an even count from 6")
    }
    guard polygon.allSatisfy({ abs($0) <= farthest }) else {
      return CocoReason(
        "coordinates that are no pixels",
        "its polygon \(number) has coordinates that are no pixels")
    }
    let x = stride(from: 0, to: polygon.count, by: 2).map { polygon[$0] }
    let y = stride(from: 1, to: polygon.count, by: 2).map { polygon[$0] }
    let (left, right) = (x.min() ?? 0, x.max() ?? 0)
    let (top, bottom) = (y.min() ?? 0, y.max() ?? 0)
    if let size {
      let (width, height) = (Double(size.width), Double(size.height))
      let place = "the image of \(size.width)×\(size.height)"
      guard left < width, right > 0, top < height, bottom > 0 else {
        return CocoReason(
          "outside the image", "its polygon \(number) lies outside \(place)")
      }
      if clipped == nil, left < 0 || top < 0 || right > width || bottom > height {
        clipped = "its polygon \(number) reaches out of \(place)"
      }
    }
    outline = [
      min(outline[0], left), min(outline[1], top), max(outline[2], right), max(outline[3], bottom),
    ]
    good.append(polygon)
    return nil
  }
}

/// No picture has pixels beyond this; NaN and infinities are beyond it too.
private let farthest = Double(2 * DatasetFormat.longestSide)
