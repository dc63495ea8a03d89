// scrl_evaluate_correspondence, scrl_evaluate_health*

import CScrl
import ScrlBase
import ScrlEvaluation
import ScrlPretraining
import ScrlNN
import ScrlTensor

extension scrl_pair_options: ListeningOptions {}
extension scrl_correspondence_report: SizedStruct {}
extension scrl_health_report: SizedStruct {}

extension PairOptions {
  /// Zero stands for the default; what is out of range is refused by the evaluation.
  fileprivate init(_ value: scrl_pair_options) throws(ScrlError) {
    self.init()
    if value.view_threads != 0 { viewThreads = Int(value.view_threads) }
    if value.stage != nil { stage = try ScrlCAPI.stage(value.stage) }
    size = limit(value.size)
    if let most = limit(value.images) { images = most }
    seed = value.seed
  }
}

extension CorrespondenceOptions {
  fileprivate init(_ value: scrl_pair_options) throws(ScrlError) {
    self.init()
    pairs = try PairOptions(value)
    if value.grid != 0 { grid = Int(value.grid) }
    guard (0...1).contains(value.distort) else {
      throw ScrlError(
        .argument, "evaluate_correspondence: got distort \(value.distort) · expected 0 or 1")
    }
    distorts = value.distort == 1
  }
}

extension HealthOptions {
  fileprivate init(_ value: scrl_pair_options) throws(ScrlError) {
    self.init()
    pairs = try PairOptions(value)
    switch value.rows {
    case 0: rows = nil
    case 1: rows = .views
    case 2: rows = .regions
    default:
      throw ScrlError(.argument, "evaluate_health: got rows \(value.rows) · expected 0, 1 or 2")
    }
  }
}

extension scrl_correspondence_report {
  fileprivate init(_ report: CorrespondenceReport) {
    self.init()
    (mean_error, median_error) = (report.meanError, report.medianError)
    within_cell = report.withinCell
    (chance_error, chance_within) = (report.chanceError, report.chanceWithin)
    least_error = report.leastError
    cells = UInt64(report.cells)
    (images, left_out) = (UInt64(report.images), UInt64(report.leftOut))
    seconds = report.seconds
  }
}

extension scrl_health_report {
  fileprivate init(_ report: HealthReport) {
    self.init()
    rank_limit = Int32(clamping: report.health.rankLimit)
    (deviation, effective_rank) = (report.health.deviation, report.health.effectiveRank)
    positive_similarity = report.health.positive
    negative_similarity = report.health.negative
    collapse = report.health.collapse.map { eternal($0.rawValue) }
    (pairs, features) = (UInt64(report.rows), UInt64(report.features))
    (images, left_out) = (UInt64(report.images), UInt64(report.leftOut))
    seconds = report.seconds
  }
}

@c @implementation
public func scrl_evaluate_correspondence(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?,
  _ options: UnsafePointer<scrl_pair_options>?,
  _ report: UnsafeMutablePointer<scrl_correspondence_report>?
) -> scrl_status {
  judged("evaluate_correspondence", options, report) { value throws(ScrlError) in
    let chosen = try CorrespondenceOptions(value)
    let reader = try ScrlCAPI.dataset(dataset).reader
    return try withBackbone(model) { backbone, engine throws(ScrlError) in
      scrl_correspondence_report(
        try evaluateCorrespondence(
          backbone, reader, chosen, engine: engine, listener: value.listener))
    }
  }
}

@c @implementation
public func scrl_evaluate_health(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?,
  _ options: UnsafePointer<scrl_pair_options>?,
  _ report: UnsafeMutablePointer<scrl_health_report>?
) -> scrl_status {
  judged("evaluate_health", options, report) { value throws(ScrlError) in
    let chosen = try HealthOptions(value)
    let reader = try ScrlCAPI.dataset(dataset).reader
    return try withBackbone(model) { backbone, engine throws(ScrlError) in
      scrl_health_report(
        try evaluateHealth(backbone, reader, chosen, engine: engine, listener: value.listener))
    }
  }
}

@c @implementation
public func scrl_evaluate_health_on(
  _ features: UnsafePointer<scrl_tensor>?, _ partners: UnsafePointer<scrl_tensor>?,
  _ report: UnsafeMutablePointer<scrl_health_report>?
) -> scrl_status {
  let options: UnsafePointer<scrl_pair_options>? = nil
  return judged("evaluate_health", options, report) { _ throws(ScrlError) in
    let rows = try borrow(features, [-1, -1], "evaluate_health: features")
    let others =
      partners == nil ? nil : try borrow(partners, [-1, -1], "evaluate_health: partners")
    return scrl_health_report(
      try evaluateHealth(features: rows, partners: others, engine: try makeEngine()))
  }
}
