// A comparison as one JSON object: the twelve figures, what was counted and left out, every class's
// figures and, when asked for, its precision (10 overlaps, 101 recall points; all areas, at most 100
// detections an image). Numbers are the shortest that read back as the same double.

import ScrlBase

extension CocoComparison {
  package func json(curves: Bool) -> String {
    var parts = ["\"kind\": \"\(kind.rawValue)\""]
    parts.append(fields(metrics.figures))
    parts.append("\"images\": \(images)")
    parts.append("\"objects\": \(categories.reduce(0) { $0 + $1.objects })")
    parts.append("\"crowds\": \(categories.reduce(0) { $0 + $1.crowds })")
    parts.append("\"detections\": \(categories.reduce(0) { $0 + $1.detections })")
    parts.append("\"thresholds\": \(numbers(CocoMetrics.thresholds))")
    parts.append("\"recalls\": \(numbers(CocoMetrics.recallPoints))")
    parts.append("\"left_out\": [" + leftOut.map(entry).joined(separator: ", ") + "]")
    parts.append("\"notes\": [" + notes.map(quoted).joined(separator: ", ") + "]")
    let classes = categories.indices.map { category($0, curves: curves) }
    parts.append("\"categories\": [" + classes.joined(separator: ",\n") + "]")
    return "{" + parts.joined(separator: ", ") + "}"
  }

  private func fields(_ figures: CocoFigures) -> String {
    zip(CocoFigures.names, figures.values).map { "\"\($0)\": \($1)" }.joined(separator: ", ")
  }

  private func entry(_ entry: CocoLeftOut) -> String {
    "{\"list\": \(quoted(entry.list)), \"entry\": \(quoted(entry.name)), "
      + "\"reason\": \(quoted(entry.reason))}"
  }

  private func category(_ place: Int, curves: Bool) -> String {
    let one = categories[place]
    var text = "{\"id\": \(one.id), \"name\": \(quoted(one.name)), \"objects\": \(one.objects), "
    text += "\"crowds\": \(one.crowds), \"detections\": \(one.detections), "
    text += fields(metrics.ofCategory[place])
    if curves {
      let rows = CocoMetrics.thresholds.indices.map {
        numbers(metrics.curve(category: place, threshold: $0))
      }
      text += ", \"precision\": [" + rows.joined(separator: ", ") + "]"
    }
    return text + "}"
  }
}

private func numbers(_ values: [Double]) -> String {
  "[" + values.map { "\($0)" }.joined(separator: ", ") + "]"
}

/// A JSON string.
private func quoted(_ text: String) -> String {
  var made: [UInt8] = [UInt8(ascii: "\"")]
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): made += [UInt8(ascii: "\\"), byte]
    case 0..<0x20:
      let digits = Array("0123456789abcdef".utf8)
      made += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    default: made.append(byte)
    }
  }
  made.append(UInt8(ascii: "\""))
  return String(decoding: made, as: UTF8.self)
}
