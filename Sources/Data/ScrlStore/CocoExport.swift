// A dataset's boxes as a COCO file: images, categories, annotations with ids, area, iscrowd and
// compressed run lengths. Ids of images and categories are those they came with, or the first free
// ones from 1; annotations are numbered from 1. What was imported and not clipped comes back in
// the same figures: edges are float32, and the decimals written are the shortest that lead to them.
// Beyond COCO: "difficult": 1 where a box has that mark. Not here: the images themselves.

import ScrlBase
import ScrlImage

/// - Throws: `.data` for a box without a class or without extent, which COCO cannot tell.
package func writeCoco(
  _ dataset: DatasetReader, to path: String, libraryVersion: String
) throws(ScrlError) {
  let categories = Categories(dataset)
  try checkClasses(dataset)
  let ids = cocoImageIDs(dataset)
  let file = try NewTextFile(path: path, replacing: .annotations)
  try file.write(
    "\(annotationsStart)\(libraryVersion)\"}, \"licenses\": [],\n\"images\": [")
  for index in 0..<dataset.count {
    let (height, width) = dataset.size(of: index)
    let name = dataset.name(of: index) ?? defaultName(ids[index])
    try file.write(
      (index == 0 ? "\n" : ",\n")
        + "{\"id\": \(ids[index]), \"file_name\": \(jsonText(name)), \"width\": \(width), "
        + "\"height\": \(height)}")
  }
  try file.write("],\n\"categories\": [")
  for (place, entry) in categories.entries.enumerated() {
    try file.write(
      (place == 0 ? "\n" : ",\n") + "{\"id\": \(entry.id), \"name\": \(jsonText(entry.name))}")
  }
  try file.write("],\n\"annotations\": [")
  var number = 0
  for index in 0..<dataset.count {
    let size = dataset.size(of: index)
    for box in dataset.boxes(of: index) {
      number += 1
      try file.write(
        (number == 1 ? "\n" : ",\n") + "{\"id\": \(number), \"image_id\": \(ids[index]), "
          + "\"category_id\": \(categories.idOfLabel[box.label] ?? 0), "
          + (try fields(of: box, height: size.height, width: size.width)) + "}")
    }
  }
  try file.write("]}\n")
  try file.finish()
}

private func fields(
  of box: AnnotatedBox, height: Int, width: Int
) throws(ScrlError) -> String {
  let area = try box.measuredArea(height: height, width: width)
  // A file of another program may hold any finite corners.
  guard box.x0 < box.x1, box.y0 < box.y1, area.isFinite else {
    let corners = [box.x0, box.y0, box.x1, box.y1]
    throw ScrlError(.data, "write_coco: box \(corners), expected a finite area")
  }
  let (x, w) = decimals(from: box.x0, to: box.x1)
  let (y, h) = decimals(from: box.y0, to: box.y1)
  let bbox = [x, y, w, h].map(jsonNumber).joined(separator: ", ")
  let mask =
    box.mask.map { "{\"size\": [\(height), \(width)], \"counts\": \(jsonText($0))}" } ?? "[]"
  return "\"bbox\": [\(bbox)], \"area\": \(jsonNumber(decimal(area))), "
    + "\"iscrowd\": \(box.isCrowd ? 1 : 0), "
    + (box.isDifficult ? "\"difficult\": 1, " : "") + "\"segmentation\": \(mask)"
}

/// Start and extent, in the fewest decimals that lead an importer to exactly these edges.
private func decimals(from start: Float, to end: Float) -> (start: Double, extent: Double) {
  let start = decimal(start)
  let exact = Double(end) - start
  var scale = 1.0
  for _ in 0...9 {
    let extent = (exact * scale).rounded() / scale
    if extent > 0, Float(start + extent) == end { return (start, extent) }
    scale *= 10
  }
  return (start, exact)
}

/// The double nearest to the shortest decimal that means this float.
private func decimal(_ value: Float) -> Double {
  guard let short = Double(value.description), Float(short) == value else { return Double(value) }
  return short
}

private func defaultName(_ id: Int64) -> String {
  let digits = String(id)
  return String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits + ".jpg"
}

/// Ids of all images: their own, or the first free ones from 1.
package func cocoImageIDs(_ dataset: DatasetReader) -> [Int64] {
  let known = (0..<dataset.count).map { dataset.imageID(of: $0) }
  var free = FreeIDs(taken: Set(known.compactMap { $0 }))
  return known.map { $0 ?? free.next() }
}

/// Category ids of all classes that are named or in use, by their numbers: their own, or the first
/// free ones from 1.
package func cocoCategoryIDs(_ dataset: DatasetReader) -> [Int32: Int64] {
  Categories(dataset).idOfLabel
}

private func checkClasses(_ dataset: DatasetReader) throws(ScrlError) {
  for index in 0..<dataset.count {
    if let place = dataset.boxes(of: index).firstIndex(where: { $0.label < 0 }) {
      throw ScrlError(
        .data,
        "write_coco: box \(place) of image \(index) has no class · expected one, COCO needs it")
    }
  }
}

/// Every named class, and what labels name beyond them.
private struct Categories {
  private(set) var entries: [(id: Int64, name: String)] = []
  private(set) var idOfLabel: [Int32: Int64] = [:]

  init(_ dataset: DatasetReader) {
    let known = dataset.classIDs.map { Int64($0) }
    var free = FreeIDs(taken: Set(known.filter { $0 >= 0 }))
    for (label, name) in dataset.classes.enumerated() {
      let id = label < known.count && known[label] >= 0 ? known[label] : free.next()
      entries.append((id, name))
      idOfLabel[Int32(label)] = id
    }
    for index in 0..<dataset.count {
      for box in dataset.boxes(of: index) where box.label >= 0 && idOfLabel[box.label] == nil {
        let id = free.next()
        entries.append((id, "class \(box.label)"))
        idOfLabel[box.label] = id
      }
    }
  }
}

extension AnnotatedBox {
  /// Area in pixels²: as annotated, else the mask's, else the box's.
  package func measuredArea(height: Int, width: Int) throws(ScrlError) -> Float {
    if let area { return area }
    guard let mask else { return (x1 - x0) * (y1 - y0) }
    return Float(try RunLengths(compressed: mask, height: height, width: width).area)
  }
}
