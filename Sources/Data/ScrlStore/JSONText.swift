// Text of JSON files as editors and other systems save it: UTF-8 with a byte order mark, UTF-16.
// What it stands for is handed on as plain UTF-8. Not here: the grammar (JSONReader.swift).

import ScrlBase

/// - Parameter source: what errors call the text, such as its path.
/// - Returns: the text as UTF-8, and what was unusual about it; nil: nothing.
package func plainJSON(
  _ bytes: [UInt8], source: String
) throws(ScrlError) -> (text: [UInt8], note: String?) {
  func starts(_ mark: [UInt8]) -> Bool { bytes.starts(with: mark) }
  if starts([0xEF, 0xBB, 0xBF]) {
    return (Array(bytes[3...]), "the text begins with a byte order mark, which is passed over")
  }
  if starts([0xFF, 0xFE, 0, 0]) || starts([0, 0, 0xFE, 0xFF]) {
    throw ScrlError(.format, "read \(source): the text is UTF-32 · expected UTF-8")
  }
  // Without a mark, the zero half of the first letter, with which JSON begins, tells the order.
  let first = "{[ \t\r\n".utf8
  let isLittle =
    starts([0xFF, 0xFE]) || (bytes.count > 1 && first.contains(bytes[0]) && bytes[1] == 0)
  let isBig =
    starts([0xFE, 0xFF]) || (bytes.count > 1 && bytes[0] == 0 && first.contains(bytes[1]))
  guard isLittle || isBig else { return (bytes, nil) }
  guard bytes.count % 2 == 0 else {
    throw ScrlError(.format, "read \(source): the text is UTF-16 and cut within a letter")
  }
  let hasMark = starts([0xFF, 0xFE]) || starts([0xFE, 0xFF])
  var units: [UInt16] = []
  units.reserveCapacity(bytes.count / 2)
  for place in stride(from: hasMark ? 2 : 0, to: bytes.count, by: 2) {
    let (low, high) = (bytes[place + (isLittle ? 0 : 1)], bytes[place + (isLittle ? 1 : 0)])
    units.append(UInt16(high) << 8 | UInt16(low))
  }
  guard let text = String(validating: units, as: UTF16.self) else {
    throw ScrlError(.format, "read \(source): the text is broken UTF-16 · expected UTF-8")
  }
  return (Array(text.utf8), "the text is UTF-16, read as such")
}
