// What every scrl_evaluate_* call does alike: options that may be NULL, the report's struct, the
// backbone or a host's own rows, a second set that may be missing.

import CScrl
import ScrlBase
import ScrlEvaluation
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlStore
import ScrlTensor

/// Options with a host's callback.
protocol ListeningOptions: SizedStruct {
  var progress: scrl_evaluate_fn! { get }
  var user: UnsafeMutableRawPointer! { get }
}

extension ListeningOptions {
  var listener: EvaluationListener {
    let (callback, user): (scrl_evaluate_fn?, UnsafeMutableRawPointer?) = (progress, user)
    return { done, total in callback.map { $0(done, total, user) == 0 } ?? true }
  }
}

/// A report on two files, whose classes were matched.
protocol MatchedReport {
  var matched_by: UnsafePointer<CChar>! { get set }
  var unknown_classes: UInt64 { get set }
  var absent_classes: UInt64 { get set }
  var unknown_names: UnsafePointer<CChar>! { get set }
  var absent_names: UnsafePointer<CChar>! { get set }
}

extension scrl_linear_report: MatchedReport {}
extension scrl_knn_report: MatchedReport {}
extension scrl_region_report: MatchedReport {}
extension scrl_coco_metrics: MatchedReport {}

extension MatchedReport {
  mutating func set(_ match: ClassMatch) {
    func json(_ names: [String]) -> UnsafePointer<CChar> {
      eternal("[" + names.map(jsonText).joined(separator: ", ") + "]")
    }
    matched_by = eternal(match.basis?.rawValue ?? "")
    (unknown_classes, absent_classes) = (UInt64(match.unknown.count), UInt64(match.absent.count))
    (unknown_names, absent_names) = (json(match.unknown), json(match.absent))
  }
}

/// A limit of a host's: 0 is none.
func limit(_ count: UInt64) -> Int? { count == 0 ? nil : Int(clamping: count) }

/// One call. The report's struct is checked first: judging takes long, and its end is too late.
func judged<Options: SizedStruct, Report: SizedStruct>(
  _ name: String, _ options: UnsafePointer<Options>?, _ report: UnsafeMutablePointer<Report>?,
  _ judge: (Options) throws(ScrlError) -> Report
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "\(name): report")
    let value = options == nil ? Options() : try readStruct(options, "\(name): options")
    let made = try judge(value)
    if report != nil { try writeStruct(made, to: report, "\(name): report") }
  }
}

/// A model's backbone, its handle locked, and the engine that its config asks for.
func withBackbone<Report>(
  _ model: OpaquePointer?, _ body: (Backbone, any Engine) throws(ScrlError) -> Report
) throws(ScrlError) -> Report {
  try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
    try body(handle.backbone, try makeEngine(handle.backbone.config))
  }
}

/// What is learnt from, and what is tested on: NULL is nil.
func judgedSets(
  _ train: OpaquePointer?, _ test: OpaquePointer?
) throws(ScrlError) -> (train: DatasetReader, test: DatasetReader?) {
  (try dataset(train).reader, test == nil ? nil : try dataset(test).reader)
}

typealias LabelledRows = (features: Tensor, labels: [Int])

/// A host's features (N,F) and their labels, of both sets; a test set of NULLs is nil.
func judgedRows(
  _ name: String, train: (UnsafePointer<scrl_tensor>?, UnsafePointer<Int32>?),
  test: (UnsafePointer<scrl_tensor>?, UnsafePointer<Int32>?)
) throws(ScrlError) -> (train: LabelledRows, test: LabelledRows?) {
  let learnt = try labelledRows(train, "\(name): train")
  let isTested = test.0 != nil || test.1 != nil
  return (learnt, isTested ? try labelledRows(test, "\(name): test") : nil)
}

private func labelledRows(
  _ rows: (features: UnsafePointer<scrl_tensor>?, labels: UnsafePointer<Int32>?), _ name: String
) throws(ScrlError) -> LabelledRows {
  guard let labels = rows.labels else {
    throw ScrlError(.argument, "\(name)_labels is NULL · expected labels")
  }
  let tensor = try borrow(rows.features, [-1, -1], "\(name)_features").copied()
  return (tensor, (0..<tensor.shape[0]).map { Int(labels[$0]) })
}
