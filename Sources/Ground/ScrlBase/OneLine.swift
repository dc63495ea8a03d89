// Texts for people: one line of at most 1,000 bytes, whatever a file's name or content put into it.

/// The text with control and direction characters escaped ("\n", "\u202e"), its middle replaced by
/// "…" where it is longer than `limit` bytes: an operation stands in front, a reason at the end.
package func oneLine(_ text: String, limit: Int = 1000) -> String {
  let scalars = text.unicodeScalars
  var whole = ""
  var isWhole = true
  for scalar in scalars {
    append(scalar, to: &whole)
    if whole.utf8.count > limit {
      isWhole = false
      break
    }
  }
  if isWhole { return whole }
  let ellipsis = "…"
  var front = ""
  for scalar in scalars {
    var longer = front
    append(scalar, to: &longer)
    guard longer.utf8.count <= limit * 2 / 3 else { break }
    front = longer
  }
  var room = limit - front.utf8.count - ellipsis.utf8.count
  var back: [String] = []
  for scalar in scalars.reversed() {
    var piece = ""
    append(scalar, to: &piece)
    room -= piece.utf8.count
    guard room >= 0 else { break }
    back.append(piece)
  }
  return front + ellipsis + back.reversed().joined()
}

/// Controls, line ends and what turns the direction of reading; joiners inside words stay.
private func isHidden(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
  guard scalar.value != 0x200C, scalar.value != 0x200D else { return false }
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: return true
  default: return false
  }
}

private func append(_ scalar: Unicode.Scalar, to text: inout String) {
  guard isHidden(scalar) else { return text.unicodeScalars.append(scalar) }
  switch scalar {
  case "\n": text += "\\n"
  case "\r": text += "\\r"
  case "\t": text += "\\t"
  default:
    let digits = String(scalar.value, radix: 16)
    let width = digits.utf8.count > 4 ? 8 : 4
    text +=
      (width == 8 ? "\\U" : "\\u")
      + String(repeating: "0", count: width - digits.utf8.count) + digits
  }
}
