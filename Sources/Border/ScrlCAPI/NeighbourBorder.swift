// scrl_evaluate_knn*, scrl_evaluate_regions, scrl_evaluate_retrieval*

import CScrl
import ScrlBase
import ScrlEvaluation
import ScrlPretraining
import ScrlNN
import ScrlTensor

extension scrl_knn_options: ListeningOptions {}
extension scrl_knn_report: SizedStruct {}
extension scrl_region_options: ListeningOptions {}
extension scrl_region_report: SizedStruct {}
extension scrl_retrieval_report: SizedStruct {}

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
    set(report.match)
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
    set(report.match)
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

@c @implementation
public func scrl_evaluate_knn(
  _ model: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?,
  _ options: UnsafePointer<scrl_knn_options>?, _ report: UnsafeMutablePointer<scrl_knn_report>?
) -> scrl_status {
  judged("evaluate_knn", options, report) { value throws(ScrlError) in
    let chosen = try NeighbourOptions(value)
    let sets = try judgedSets(train, test)
    return try withBackbone(model) { backbone, engine throws(ScrlError) in
      scrl_knn_report(
        try evaluateNeighbours(
          backbone, train: sets.train, test: sets.test, chosen, engine: engine,
          listener: value.listener))
    }
  }
}

@c @implementation
public func scrl_evaluate_knn_on(
  _ train_features: UnsafePointer<scrl_tensor>?, _ train_labels: UnsafePointer<Int32>?,
  _ test_features: UnsafePointer<scrl_tensor>?, _ test_labels: UnsafePointer<Int32>?,
  _ options: UnsafePointer<scrl_knn_options>?, _ report: UnsafeMutablePointer<scrl_knn_report>?
) -> scrl_status {
  judged("evaluate_knn", options, report) { value throws(ScrlError) in
    let chosen = try NeighbourOptions(value)
    let rows = try judgedRows(
      "evaluate_knn", train: (train_features, train_labels), test: (test_features, test_labels))
    return scrl_knn_report(
      try evaluateNeighbours(
        features: rows.train.features, labels: rows.train.labels, test: rows.test, chosen,
        engine: try makeEngine(), listener: value.listener))
  }
}

@c @implementation
public func scrl_evaluate_regions(
  _ model: OpaquePointer?, _ train: OpaquePointer?, _ test: OpaquePointer?,
  _ options: UnsafePointer<scrl_region_options>?,
  _ report: UnsafeMutablePointer<scrl_region_report>?
) -> scrl_status {
  judged("evaluate_regions", options, report) { value throws(ScrlError) in
    let chosen = try RegionOptions(value)
    let sets = try judgedSets(train, test)
    return try withBackbone(model) { backbone, engine throws(ScrlError) in
      scrl_region_report(
        try evaluateRegions(
          backbone, train: sets.train, test: sets.test, chosen, engine: engine,
          listener: value.listener))
    }
  }
}

@c @implementation
public func scrl_evaluate_retrieval(
  _ model: OpaquePointer?, _ dataset: OpaquePointer?,
  _ options: UnsafePointer<scrl_region_options>?,
  _ report: UnsafeMutablePointer<scrl_retrieval_report>?
) -> scrl_status {
  judged("evaluate_retrieval", options, report) { value throws(ScrlError) in
    let chosen = try RegionOptions(value)
    let reader = try ScrlCAPI.dataset(dataset).reader
    return try withBackbone(model) { backbone, engine throws(ScrlError) in
      scrl_retrieval_report(
        try evaluateRetrieval(
          backbone, reader, chosen, engine: engine, listener: value.listener))
    }
  }
}

@c @implementation
public func scrl_evaluate_retrieval_on(
  _ features: UnsafePointer<scrl_tensor>?, _ labels: UnsafePointer<Int32>?,
  _ images: UnsafePointer<Int32>?, _ options: UnsafePointer<scrl_region_options>?,
  _ report: UnsafeMutablePointer<scrl_retrieval_report>?
) -> scrl_status {
  judged("evaluate_retrieval", options, report) { value throws(ScrlError) in
    guard let images else {
      throw ScrlError(.argument, "evaluate_retrieval: images is NULL · expected a number a row")
    }
    guard let labels else {
      throw ScrlError(.argument, "evaluate_retrieval: labels is NULL · expected labels")
    }
    let rows = try borrow(features, [-1, -1], "evaluate_retrieval: features")
    let places = 0..<rows.shape[0]
    return scrl_retrieval_report(
      try evaluateRetrieval(
        features: rows, labels: places.map { Int(labels[$0]) },
        images: places.map { Int(images[$0]) }, engine: try makeEngine(),
        listener: value.listener))
  }
}
