// scrl_evaluate_knn*, scrl_evaluate_regions, scrl_evaluate_retrieval*

import CScrl
import ScrlBase
import ScrlEval
import ScrlMethod
import ScrlNN
import ScrlTensor

extension scrl_knn_options: SizedStruct {}
extension scrl_knn_report: SizedStruct {}
extension scrl_region_options: SizedStruct {}
extension scrl_region_report: SizedStruct {}
extension scrl_retrieval_report: SizedStruct {}

/// A host's callback as the evaluations call it.
func evaluationListener(
  _ callback: scrl_evaluate_fn?, _ user: UnsafeMutableRawPointer?
) -> EvaluationListener {
  { done, total in callback.map { $0(done, total, user) == 0 } ?? true }
}

/// A limit of a host's: 0 is none.
func limit(_ count: UInt64) -> Int? { count == 0 ? nil : Int(clamping: count) }

extension NeighbourOptions {
  /// Zero stands for the default; what is out of range is refused by check().
  fileprivate init(_ value: scrl_knn_options) throws(ScrlError) {
    self.init()
    if value.neighbours != 0 { neighbours = Int(value.neighbours) }
    if value.temperature != 0 { temperature = value.temperature }
    size = limit(value.size)
    (trainImages, testImages) = (limit(value.train_images), limit(value.test_images))
    seed = value.seed
    if value.view_threads != 0 { viewThreads = Int(value.view_threads) }
    try check()
  }
}

extension RegionOptions {
  fileprivate init(_ value: scrl_region_options) throws(ScrlError) {
    self.init()
    if value.neighbours != 0 { neighbours = Int(value.neighbours) }
    if value.stage != nil { stage = try ScrlCAPI.stage(value.stage) }
    size = limit(value.size)
    if value.longest != 0 { longest = Int(clamping: value.longest) }
    (trainImages, testImages) = (limit(value.train_images), limit(value.test_images))
    if value.epochs != 0 { epochs = Int(value.epochs) }
    if value.view_threads != 0 { viewThreads = Int(value.view_threads) }
    batch = limit(value.batch)
    if value.base_lr != 0 { baseRate = value.base_lr }
    seed = value.seed
  }
}

extension scrl_knn_report {
  fileprivate init(_ report: NeighbourReport) {
    self.init()
    classes = Int32(clamping: report.classes)
    (accuracy, top5, chance) = (report.accuracy, report.top5, report.chance)
    neighbours = UInt64(report.neighbours)
    (train_images, test_images) = (UInt64(report.trainImages), UInt64(report.testImages))
    (left_out, unseen) = (UInt64(report.leftOut), UInt64(report.unseen))
    seconds = report.seconds
  }
}

extension scrl_region_report {
  fileprivate init(_ report: RegionReport) {
    self.init()
    classes = Int32(clamping: report.classes)
    (linear_accuracy, linear_top5) = (report.linear, report.linearTop5)
    (knn_accuracy, knn_top5) = (report.neighbour, report.neighbourTop5)
    chance = report.chance
    (train_boxes, test_boxes) = (UInt64(report.trainBoxes), UInt64(report.testBoxes))
    (train_images, test_images) = (UInt64(report.trainImages), UInt64(report.testImages))
    (left_out, unseen) = (UInt64(report.leftOut), UInt64(report.unseen))
    (neighbours, batch) = (UInt64(report.neighbours), UInt64(report.batch))
    (base_lr, seconds) = (report.baseRate, report.seconds)
  }
}

extension scrl_retrieval_report {
  fileprivate init(_ report: RetrievalReport) {
    self.init()
    classes = Int32(clamping: report.classes)
    precision1 = report.precision[0]
    precision5 = report.precision[1]
    precision20 = report.precision[2]
    mean_average_precision = report.meanAveragePrecision
    chance = report.chance
    (boxes, alone) = (UInt64(report.boxes), UInt64(report.alone))
    (images, left_out) = (UInt64(report.images), UInt64(report.leftOut))
    seconds = report.seconds
  }
}

/// An option struct that may be NULL.
func optional<Struct: SizedStruct>(
  _ pointer: UnsafePointer<Struct>?, _ name: String
) throws(ScrlError) -> Struct {
  pointer == nil ? Struct() : try readStruct(pointer, name)
}

@c @implementation
public func scrl_evaluate_knn(
  _ model: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?,
  _ options: UnsafePointer<scrl_knn_options>?, _ report: UnsafeMutablePointer<scrl_knn_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_knn: report")
    let value = try optional(options, "evaluate_knn: options")
    let chosen = try NeighbourOptions(value)
    let learnt = try dataset(train).reader
    let tested = test == nil ? nil : try dataset(test).reader
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let made = try evaluateNeighbours(
        handle.backbone, train: learnt, test: tested, chosen,
        engine: try makeEngine(handle.backbone.config),
        listener: evaluationListener(value.progress, value.user))
      guard report != nil else { return }
      try writeStruct(scrl_knn_report(made), to: report, "evaluate_knn: report")
    }
  }
}

@c @implementation
public func scrl_evaluate_knn_on(
  _ train_features: UnsafePointer<scrl_tensor>?, _ train_labels: UnsafePointer<Int32>?,
  _ test_features: UnsafePointer<scrl_tensor>?, _ test_labels: UnsafePointer<Int32>?,
  _ options: UnsafePointer<scrl_knn_options>?, _ report: UnsafeMutablePointer<scrl_knn_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_knn: report")
    let value = try optional(options, "evaluate_knn: options")
    let chosen = try NeighbourOptions(value)
    let learnt = try labelledRows(train_features, train_labels, "evaluate_knn: train")
    let hasTest = test_features != nil || test_labels != nil
    let tested =
      hasTest ? try labelledRows(test_features, test_labels, "evaluate_knn: test") : nil
    let made = try evaluateNeighbours(
      features: learnt.features, labels: learnt.labels, test: tested, chosen,
      engine: try makeEngine(), listener: evaluationListener(value.progress, value.user))
    guard report != nil else { return }
    try writeStruct(scrl_knn_report(made), to: report, "evaluate_knn: report")
  }
}

@c @implementation
public func scrl_evaluate_regions(
  _ model: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?,
  _ options: UnsafePointer<scrl_region_options>?,
  _ report: UnsafeMutablePointer<scrl_region_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_regions: report")
    let value = try optional(options, "evaluate_regions: options")
    let chosen = try RegionOptions(value)
    let learnt = try dataset(train).reader
    let tested = test == nil ? nil : try dataset(test).reader
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let made = try evaluateRegions(
        handle.backbone, train: learnt, test: tested, chosen,
        engine: try makeEngine(handle.backbone.config),
        listener: evaluationListener(value.progress, value.user))
      guard report != nil else { return }
      try writeStruct(scrl_region_report(made), to: report, "evaluate_regions: report")
    }
  }
}

@c @implementation
public func scrl_evaluate_retrieval(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?,
  _ options: UnsafePointer<scrl_region_options>?,
  _ report: UnsafeMutablePointer<scrl_retrieval_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_retrieval: report")
    let value = try optional(options, "evaluate_retrieval: options")
    let chosen = try RegionOptions(value)
    let reader = try ScrlCAPI.dataset(dataset).reader
    try withHandle(model, ModelHandle.self) { handle throws(ScrlError) in
      let made = try evaluateRetrieval(
        handle.backbone, reader, chosen, engine: try makeEngine(handle.backbone.config),
        listener: evaluationListener(value.progress, value.user))
      guard report != nil else { return }
      try writeStruct(scrl_retrieval_report(made), to: report, "evaluate_retrieval: report")
    }
  }
}

@c @implementation
public func scrl_evaluate_retrieval_on(
  _ features: UnsafePointer<scrl_tensor>?, _ labels: UnsafePointer<Int32>?,
  _ images: UnsafePointer<Int32>?, _ options: UnsafePointer<scrl_region_options>?,
  _ report: UnsafeMutablePointer<scrl_retrieval_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "evaluate_retrieval: report")
    let value = try optional(options, "evaluate_retrieval: options")
    guard let images else {
      throw ScrlError(.argument, "evaluate_retrieval: images is NULL · expected a number a row")
    }
    guard let labels else {
      throw ScrlError(.argument, "evaluate_retrieval: labels is NULL · expected labels")
    }
    let rows = try borrow(features, [-1, -1], "evaluate_retrieval: features")
    let places = 0..<rows.shape[0]
    let made = try evaluateRetrieval(
      features: rows, labels: places.map { Int(labels[$0]) },
      images: places.map { Int(images[$0]) }, engine: try makeEngine(),
      listener: evaluationListener(value.progress, value.user))
    guard report != nil else { return }
    try writeStruct(scrl_retrieval_report(made), to: report, "evaluate_retrieval: report")
  }
}
