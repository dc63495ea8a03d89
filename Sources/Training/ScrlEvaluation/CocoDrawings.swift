// The masks of COCO's entries as run lengths, and the boxes that COCO's metrics take from either.

import ScrlBase
import ScrlImage
import ScrlStore

/// A mask, and the pieces of it that were of no use.
struct Drawing {
  let mask: RunLengths
  var faults: [CocoReason] = []
}

/// The masks of many entries, drawn side by side.
func drawn(
  _ count: Int, _ workers: Workers, _ draw: (Int) throws(ScrlError) -> Drawing?
) -> [Result<Drawing?, ScrlError>] {
  var masks = [Result<Drawing?, ScrlError>](repeating: .success(nil), count: count)
  masks.withUnsafeMutableBufferPointer { buffer in
    let buffer = buffer
    workers.ranges(count, grain: 64) { range in
      for place in range {
        do throws(ScrlError) {
          buffer[place] = .success(try draw(place))
        } catch {
          buffer[place] = .failure(error)
        }
      }
    }
  }
  return masks
}

func drawing(
  of segmentation: CocoAnnotations.Segmentation, size: CocoAnnotations.Size?
) throws(ScrlError) -> Drawing? {
  func check(_ told: CocoAnnotations.Size) throws(ScrlError) {
    if let size, told != size {
      throw ScrlError(
        .data,
        "segmentation has size \(told.height)×\(told.width), its image "
          + "\(size.height)×\(size.width)")
    }
  }
  switch segmentation {
  case .none: return nil
  case .compressed(let text, let told):
    try check(told)
    return Drawing(
      mask: try RunLengths(compressed: text, height: told.height, width: told.width))
  case .counts(let counts, let told):
    try check(told)
    return Drawing(
      mask: try RunLengths(
        uncompressed: counts.lazy.map { Int($0) }, height: told.height, width: told.width))
  case .polygons(let polygons):
    guard let size else {
      throw ScrlError(.data, "polygons need an image with width and height")
    }
    // Where no piece is good, drawing them says why.
    let pieces = CocoPieces(polygons, in: nil)
    let good = pieces.good.isEmpty ? polygons : pieces.good
    return Drawing(
      mask: try rasterise(polygons: good, height: size.height, width: size.width),
      faults: pieces.faults.map { fault in
        CocoReason("a polygon ignored: " + fault.kind, fault.text + ": ignored")
      })
  }
}

extension CocoAnnotations.Annotation {
  /// With finite numbers; nil: its mask must tell the box.
  var usableBox: CocoBox? {
    guard let box = box.map({ CocoBox($0) }), box.hasFiniteArea else { return nil }
    return box
  }

  var boxRefusal: String {
    if let boxFault { return boxFault.text }
    return "bbox is \(box.map { CocoBox($0).text } ?? "missing"), expected finite numbers"
  }
}

extension CocoBox {
  init(_ box: CocoAnnotations.Box) {
    self.init(x: box.x, y: box.y, width: box.width, height: box.height)
  }

  init(bounds: (x: Int, y: Int, width: Int, height: Int)) {
    self.init(
      x: Double(bounds.x), y: Double(bounds.y), width: Double(bounds.width),
      height: Double(bounds.height))
  }

  var text: String { "\([x, y, width, height])" }
}
