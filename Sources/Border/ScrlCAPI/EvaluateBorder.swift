// scrl_evaluate_linear*

import CScrl
import ScrlBase
import ScrlEvaluation
import ScrlPretraining
import ScrlNN
import ScrlTensor

extension scrl_linear_options: SizedStruct {}
extension scrl_linear_report: SizedStruct {}

extension scrl_linear_options {
  fileprivate var listener: (LinearProgress) -> Bool {
    let (callback, user): (scrl_linear_fn?, UnsafeMutableRawPointer?) = (progress, user)
    return { now in
      callback.map { $0(now.epoch, now.epochs, now.done, now.total, now.loss, user) == 0 } ?? true
    }
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
    set(report.match)
    batch = UInt64(report.batch)
    base_lr = report.baseRate
    seconds = report.seconds
  }
}

@c @implementation
public func scrl_evaluate_linear(
  _ model: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?,
  _ options: UnsafePointer<scrl_linear_options>?,
  _ report: UnsafeMutablePointer<scrl_linear_report>?
) -> scrl_status {
  judged("evaluate_linear", options, report) { value throws(ScrlError) in
    let chosen = try LinearOptions(value)
    let sets = try judgedSets(train, test)
    return try withBackbone(model) { backbone, engine throws(ScrlError) in
      scrl_linear_report(
        try evaluateLinear(
          backbone, train: sets.train, test: sets.test, chosen, engine: engine,
          listener: value.listener))
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
  judged("evaluate_linear", options, report) { value throws(ScrlError) in
    let chosen = try LinearOptions(value)
    let rows = try judgedRows(
      "evaluate_linear", train: (train_features, train_labels),
      test: (test_features, test_labels))
    return scrl_linear_report(
      try evaluateLinear(
        features: rows.train.features, labels: rows.train.labels, test: rows.test, chosen,
        engine: try makeEngine(), listener: value.listener))
  }
}
