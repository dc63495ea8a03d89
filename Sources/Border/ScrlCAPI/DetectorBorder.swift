// scrl_detector_*, but for what is seen (DetectionsBorder) and how it does on a dataset
// (MeasureBorder)

import CHost
import CScrl
import ScrlBase
import ScrlDetection
import ScrlEvaluation
import ScrlPretraining
import ScrlTensor
import ScrlTraining

extension scrl_detector_report: SizedStruct {}

final class DetectorHandle: Handle, @unchecked Sendable {
  override class var kind: String { "detector" }
  let detector: Detector
  let run: Trainer<DetectorTraining>?  // nil: loaded, for inference
  private let flag: CancelFlag
  override var cancel: CancelFlag? { flag }

  init(_ detector: Detector, run: Trainer<DetectorTraining>? = nil) throws(ScrlError) {
    flag = try CancelFlag(CHOST_DETECTOR)
    self.detector = detector
    self.run = run
  }

  func training(_ name: String) throws(ScrlError) -> Trainer<DetectorTraining> {
    if let run { return run }
    throw ScrlError(
      .state, "\(name): the detector was loaded for inference · expected new or resume")
  }
}

func detector(_ pointer: OpaquePointer?) throws(ScrlError) -> DetectorHandle {
  try Registry.shared.find(pointer, DetectorHandle.self)
}

private func put(
  _ report: DetectorStepReport, _ target: UnsafeMutablePointer<scrl_detector_report>?
) throws(ScrlError) {
  if target != nil {
    try writeStruct(scrl_detector_report(report), to: target, "detector report")
  }
}

extension scrl_detector_report {
  fileprivate init(_ report: DetectorStepReport) {
    self.init()
    struct_size = UInt32(MemoryLayout<scrl_detector_report>.size)
    did_step = report.didStep ? 1 : 0
    step = UInt64(report.step)
    total_steps = UInt64(report.totalSteps)
    epoch = UInt64(report.epoch)
    loss = report.losses.total
    rpn_objectness = report.losses.rpnObjectness
    rpn_box = report.losses.rpnBox
    classification = report.losses.classification
    box = report.losses.box
    mask = report.losses.mask
    learning_rate = report.learningRate
    gradient_norm = report.gradientNorm
    boxes = UInt64(report.boxes)
    skipped = UInt64(report.skipped)
    seconds = report.seconds
    wait_seconds = report.waitSeconds
  }
}

@c @implementation
public func scrl_detector_new(
  _ config: OpaquePointer?, _ dataset: OpaquePointer?, _ weights: UnsafePointer<CChar>?,
  _ run_folder: UnsafePointer<CChar>?, _ detector: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(detector, "detector_new")
    let chosen = try checkedConfig(config)
    let reader = try ScrlCAPI.dataset(dataset).reader
    let start = weights == nil ? nil : try text(weights, "detector_new: weights")
    let folder = run_folder == nil ? nil : try text(run_folder, "detector_new: run_folder")
    let run = try Trainer<DetectorTraining>(
      chosen, dataset: reader, weights: start, folder: folder, engine: try makeEngine(chosen))
    out.pointee = Registry.shared.add(try DetectorHandle(run.task.detector, run: run))
  }
}

@c @implementation
public func scrl_detector_load(
  _ path: UnsafePointer<CChar>?, _ detector: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(detector, "detector_load")
    let loaded = try Detector.load(
      try text(path, "detector_load: path"), makeEngine: makeEngine)
    out.pointee = Registry.shared.add(try DetectorHandle(loaded))
  }
}

@c @implementation
public func scrl_detector_step(
  _ detector: OpaquePointer?, _ report: UnsafeMutablePointer<scrl_detector_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "detector_step")
    try withHandle(detector, DetectorHandle.self) { handle throws(ScrlError) in
      try put(try handle.training("detector_step").step(), report)
    }
  }
}

@c @implementation
public func scrl_detector_run(
  _ detector: OpaquePointer?, _ steps: UInt64, _ callback: scrl_detector_fn?,
  _ user: UnsafeMutableRawPointer?
) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(detector, DetectorHandle.self) { handle throws(ScrlError) in
      let run = try handle.training("detector_run")
      try run.run(steps: Int(clamping: steps), isCancelled: handle.takeCancel) { report in
        var value = scrl_detector_report(report)
        let stop = callback.map { $0(&value, user) != 0 } ?? false
        return !(handle.takeCancel() || stop)
      }
    }
  }
}

@c @implementation
public func scrl_detector_save(
  _ detector: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let path = try text(path, "detector_save: path")
    try withHandle(detector, DetectorHandle.self) { handle throws(ScrlError) in
      if let run = handle.run { try run.save(path) } else { try handle.detector.save(path) }
    }
  }
}

@c @implementation
public func scrl_detector_progress(
  _ detector: OpaquePointer?, _ step: UnsafeMutablePointer<UInt64>?,
  _ total: UnsafeMutablePointer<UInt64>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(detector, DetectorHandle.self) { handle in
      step?.pointee = UInt64(handle.run?.stepsDone ?? 0)
      total?.pointee = UInt64(handle.run?.task.totalSteps ?? 0)
    }
  }
}

@c @implementation
public func scrl_detector_config(
  _ detector: OpaquePointer?, _ config: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(config, "detector_config")
    let known = try ScrlCAPI.detector(detector).detector.config
    out.pointee = Registry.shared.add(ConfigHandle(known))
  }
}

@c @implementation
public func scrl_detector_class_count(
  _ detector: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(count, "detector_class_count")
    out.pointee = try ScrlCAPI.detector(detector).detector.classes.count
  }
}

@c @implementation
public func scrl_detector_class_at(
  _ detector: OpaquePointer?, _ id: Int, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  _ category_id: UnsafeMutablePointer<Int64>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let classes = try ScrlCAPI.detector(detector).detector.classes
    guard (0..<classes.count).contains(id) else {
      throw ScrlError(.argument, "detector_class_at: class \(id) · expected 0..<\(classes.count)")
    }
    name?.pointee = eternal(classes.name(of: id))
    category_id?.pointee = Int64(classes.categoryID(of: id))
  }
}

@c @implementation
public func scrl_detector_free(_ detector: OpaquePointer?) {
  defer { BufferPool.shared.trim() }
  Registry.shared.remove(detector, DetectorHandle.self)
}
