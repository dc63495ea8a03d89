// scrl_evaluate_*

import CScrl
import ScrlBase
import ScrlEval
import ScrlMethod
import ScrlNN
import ScrlTensor

extension scrl_linear_options: SizedStruct {}
extension scrl_linear_report: SizedStruct {}

private struct LinearRequest {
  let options: LinearOptions
  private let callback: scrl_linear_fn?
  private let user: UnsafeMutableRawPointer?

  init(_ pointer: UnsafePointer<scrl_linear_options>?) throws(ScrlError) {
    let value =
      pointer == nil ? scrl_linear_options() : try readStruct(pointer, "evaluate_linear: options")
    options = try LinearOptions(value)
    (callback, user) = (value.progress, value.user)
  }

  func listener(_ progress: LinearProgress) -> Bool {
    guard let callback else { return true }
    return callback(
      progress.epoch, progress.epochs, progress.done, progress.total, progress.loss, user) == 0
  }
}

extension LinearOptions {
  /// Zero stands for the default; what is out of range is refused by check().
  fileprivate init(_ value: scrl_linear_options) throws(ScrlError) {
    self.init()
    if value.epochs != 0 { epochs = Int(value.epochs) }
    switch value.warmup_epochs {
    case 0: warmupEpochs = nil
    case -1: warmupEpochs = 0
    default: warmupEpochs = Int(value.warmup_epochs)
    }
    switch value.crops {
    case 0: views = .fresh
    case -1: views = .center
    default: views = .stored(Int(value.crops))
    }
    if value.batch != 0 { batch = Int(clamping: value.batch) }
    if value.base_lr != 0 { baseRate = value.base_lr }
    standardises = value.raw_features == 0
    switch value.quirks {
    case 0: quirks = nil
    case 1: quirks = .corrected
    case 2: quirks = .official
    default:
      throw ScrlError(
        .argument, "evaluate_linear: got quirks \(value.quirks) · expected 0, 1 or 2")
    }
    if value.size != 0 { size = Int(clamping: value.size) }
    seed = value.seed
    if value.view_threads != 0 { viewThreads = Int(value.view_threads) }
    try check()
  }
}

extension scrl_linear_report {
  fileprivate init(_ report: LinearReport) {
    self.init()
    classes = Int32(clamping: report.classes)
    accuracy = report.accuracy
    top5 = report.top5
    best_accuracy = report.bestAccuracy
    best_epoch = UInt64(report.bestEpoch)
    train_accuracy = report.trainAccuracy
    loss = report.loss
    train_images = UInt64(report.trainImages)
    test_images = UInt64(report.testImages)
    left_out = UInt64(report.leftOut)
    unseen = UInt64(report.unseen)
    batch = UInt64(report.batch)
    base_lr = report.baseRate
    seconds = report.seconds
  }
}

private func put(
  _ report: LinearReport, _ target: UnsafeMutablePointer<scrl_linear_report>?
) throws(ScrlError) {
  guard target != nil else { return }
  try writeStruct(scrl_linear_report(report), to: target, "evaluate_linear: report")
}

/// A host's features (N,F) and their labels; `name` is "evaluate_linear: train" or alike.
func labelledRows(
  _ features: UnsafePointer<scrl_tensor>?, _ labels: UnsafePointer<Int32>?, _ name: String
) throws(ScrlError) -> (features: Tensor, labels: [Int]) {
  guard let labels else {
    throw ScrlError(.argument, "\(name)_labels is NULL · expected labels")
  }
  let tensor = try borrow(features, [-1, -1], "\(name)_features").copied()
  return (tensor, (0..<tensor.shape[0]).map { Int(labels[$0]) })
}

@c @implementation
public func scrl_evaluate_linear(
  _ model: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?,
  _ options: UnsafePointer<scrl_linear_options>?,
  _ report: UnsafeMutablePointer<scrl_linear_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_linear: report")
    let request = try LinearRequest(options)
    let learnt = try dataset(train).reader
    let tested = test == nil ? nil : try dataset(test).reader
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let backbone = handle.backbone
      let made = try evaluateLinear(
        backbone, train: learnt, test: tested, request.options,
        engine: try makeEngine(backbone.config), listener: request.listener)
      try put(made, report)
    }
  }
}

@c @implementation
public func scrl_evaluate_linear_on(
  _ train_features: UnsafePointer<scrl_tensor>?, _ train_labels: UnsafePointer<Int32>?,
  _ test_features: UnsafePointer<scrl_tensor>?, _ test_labels: UnsafePointer<Int32>?,
  _ options: UnsafePointer<scrl_linear_options>?,
  _ report: UnsafeMutablePointer<scrl_linear_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_linear: report")
    let request = try LinearRequest(options)
    let learnt = try labelledRows(train_features, train_labels, "evaluate_linear: train")
    let hasTest = test_features != nil || test_labels != nil
    let tested =
      hasTest ? try labelledRows(test_features, test_labels, "evaluate_linear: test") : nil
    let made = try evaluateLinear(
      features: learnt.features, labels: learnt.labels, test: tested, request.options,
      engine: try makeEngine(), listener: request.listener)
    try put(made, report)
  }
}
