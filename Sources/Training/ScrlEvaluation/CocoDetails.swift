// A comparison as one JSON object: the twelve figures, what was counted and left out, every class's
// figures and, when asked for, its precision (10 overlaps, 101 recall points; all areas, the largest
// limit of detections). Numbers are the shortest that read back as the same double.

import ScrlBase
import ScrlStore

extension CocoComparison {
  package func json(curves: Bool) -> String {
    var parts = ["\"kind\": \"\(kind.rawValue)\""]
    parts.append(fields(metrics.figures))
    parts.append("\"images\": \(images)")
    parts.append("\"objects\": \(categories.reduce(0) { $0 + $1.objects })")
    parts.append("\"crowds\": \(categories.reduce(0) { $0 + $1.crowds })")
    parts.append("\"detections\": \(categories.reduce(0) { $0 + $1.detections })")
    parts.append("\"max_detections\": \(metrics.limits.values)")
    parts.append("\"uncounted\": \(metrics.uncounted)")
    parts.append("\"matched_by\": " + (match.basis.map { jsonText($0.rawValue) } ?? "null"))
    parts.append("\"unknown_classes\": \(texts(match.unknown))")
    parts.append("\"unknown_objects\": \(unknownObjects)")
    parts.append("\"absent_classes\": \(texts(match.absent))")
    parts.append("\"absent_detections\": \(absentDetections)")
    parts.append("\"thresholds\": \(numbers(CocoMetrics.thresholds))")
    parts.append("\"recalls\": \(numbers(CocoMetrics.recallPoints))")
    parts.append("\"left_out\": [" + leftOut.map(entry).joined(separator: ", ") + "]")
    parts.append("\"notes\": \(texts(notes))")
    let classes = categories.indices.map { category($0, curves: curves) }
    parts.append("\"categories\": [" + classes.joined(separator: ",\n") + "]")
    return "{" + parts.joined(separator: ", ") + "}"
  }

  private func fields(_ figures: CocoFigures) -> String {
    zip(CocoFigures.names, figures.values).map { "\"\($0)\": \($1)" }.joined(separator: ", ")
  }

  private func entry(_ entry: CocoLeftOut) -> String {
    "{\"list\": \(jsonText(entry.list)), \"entry\": \(jsonText(entry.name)), "
      + "\"reason\": \(jsonText(entry.reason))}"
  }

  private func category(_ place: Int, curves: Bool) -> String {
    let one = categories[place]
    var text = "{\"id\": \(one.id), \"name\": \(jsonText(one.name)), \"objects\": \(one.objects), "
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

private func texts(_ values: [String]) -> String {
  "[" + values.map(jsonText).joined(separator: ", ") + "]"
}
