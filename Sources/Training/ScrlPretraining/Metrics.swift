// What is kept of every step: a line of metrics.jsonl, and a row of the checkpoint's /metrics.
// Rows hold no durations: a resumed run's checkpoint has the same bytes as an unbroken one's.

import ScrlBase

package struct Metrics: Equatable, Sendable {
  package static let columns = [
    "step", "epoch", "loss", "learning_rate", "ema_momentum", "boxes", "skipped",
    "probe_loss", "accuracy",
  ]
  /// Rows that a checkpoint holds at most, the newest; metrics.jsonl holds all.
  package static let capacity = 10_000

  package private(set) var rows: [[Double]] = []

  package init(rows: [[Double]] = []) { self.rows = rows }

  package mutating func append(_ report: StepReport) {
    append(row: [
      Double(report.step), Double(report.epoch), report.didStep ? report.loss : .nan,
      report.learningRate, report.emaMomentum, Double(report.boxes), Double(report.skipped),
      report.probeLoss, report.accuracy,
    ])
  }

  package mutating func append(row: [Double]) {
    rows.append(row)
    if rows.count > Metrics.capacity { rows.removeFirst(rows.count - Metrics.capacity) }
  }
}

extension Health {
  /// Its part of a line, with a comma at the end; null where a number could not be had.
  fileprivate var json: String {
    func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    let sign = collapse.map { "\"\($0.rawValue)\"" } ?? "null"
    return "\"deviation\": \(number(deviation)), \"effective_rank\": \(number(effectiveRank)), "
      + "\"positive_similarity\": \(number(positive)), "
      + "\"negative_similarity\": \(number(negative)), \"collapse\": \(sign), "
  }
}

extension StepReport {
  /// One line of metrics.jsonl, without its newline. "step" comes first: resuming relies on it.
  package func jsonLine(batch: Int) -> String {
    let rate = seconds > 0 ? Double(batch) / seconds : 0
    let judged = accuracy.isNaN ? "" : "\"probe_loss\": \(probeLoss), \"accuracy\": \(accuracy), "
    return "{\"step\": \(step), \"epoch\": \(epoch), \"loss\": \(didStep ? "\(loss)" : "null"), "
      + "\"learning_rate\": \(learningRate), \"ema_momentum\": \(emaMomentum), "
      + "\"boxes\": \(boxes), \"skipped\": \(skipped), \(judged)\(health?.json ?? "")"
      + "\"seconds\": \(seconds), "
      + "\"wait_seconds\": \(waitSeconds), \"images_per_second\": \(rate)}"
  }
}
