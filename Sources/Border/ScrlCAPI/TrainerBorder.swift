// scrl_trainer_*

import CHost
import CScrl
import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlTensor
import ScrlTraining

final class TrainerHandle: Handle, @unchecked Sendable {
  override class var kind: String { "trainer" }
  let run: Trainer<Pretraining>
  private let flag: CancelFlag
  override var cancel: CancelFlag? { flag }

  init(_ run: Trainer<Pretraining>) throws(ScrlError) {
    self.run = run
    flag = try CancelFlag(CHOST_TRAINER)
  }
}

private func put(
  _ report: StepReport, _ target: UnsafeMutablePointer<scrl_step_report>?
) throws(ScrlError) {
  if target != nil { try writeStruct(scrl_step_report(report), to: target, "step report") }
}

extension scrl_step_report {
  fileprivate init(_ report: StepReport) {
    self.init()
    struct_size = UInt32(MemoryLayout<scrl_step_report>.size)
    did_step = report.didStep ? 1 : 0
    step = UInt64(report.step)
    total_steps = UInt64(report.totalSteps)
    epoch = UInt64(report.epoch)
    loss = report.loss
    learning_rate = report.learningRate
    ema_momentum = report.emaMomentum
    boxes = UInt64(report.boxes)
    skipped = UInt64(report.skipped)
    seconds = report.seconds
    wait_seconds = report.waitSeconds
    steps_skipped = UInt64(report.stepsSkipped)
    probe_loss = report.probeLoss
    accuracy = report.accuracy
    deviation = report.health?.deviation ?? .nan
    effective_rank = report.health?.effectiveRank ?? .nan
    positive_similarity = report.health?.positive ?? .nan
    negative_similarity = report.health?.negative ?? .nan
    collapse = report.health?.collapse.map { eternal($0.rawValue) }
  }
}

@c @implementation
public func scrl_trainer_new(
  _ config: OpaquePointer?, _ dataset: OpaquePointer?, _ run_folder: UnsafePointer<CChar>?,
  _ trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(trainer, "trainer_new")
    let chosen = try checkedConfig(config)
    let reader = dataset == nil ? nil : try ScrlCAPI.dataset(dataset).reader
    let folder = run_folder == nil ? nil : try text(run_folder, "trainer_new: run_folder")
    let run = try Trainer<Pretraining>(
      chosen, dataset: reader, folder: folder, engine: try makeEngine(chosen))
    out.pointee = Registry.shared.add(try TrainerHandle(run))
  }
}

@c @implementation
public func scrl_trainer_step(
  _ trainer: OpaquePointer?, _ report: UnsafeMutablePointer<scrl_step_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "trainer_step")
    try withHandle(trainer, TrainerHandle.self) { handle throws(ScrlError) in
      try put(try handle.run.step(), report)
    }
  }
}

@c @implementation
public func scrl_trainer_step_on(
  _ trainer: OpaquePointer?, _ view1: UnsafePointer<scrl_tensor>?,
  _ view2: UnsafePointer<scrl_tensor>?, _ boxes1: UnsafePointer<Float>?,
  _ boxes2: UnsafePointer<Float>?, _ box_count: Int, _ labels: UnsafePointer<Int32>?,
  _ report: UnsafeMutablePointer<scrl_step_report>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try checkStruct(report, "trainer_step_on")
    try withHandle(trainer, TrainerHandle.self) { handle throws(ScrlError) in
      let one = try borrowPictures(view1, [-1, 3, -1, -1], "step_on: view1")
      let two = try borrowPictures(view2, one.shape, "step_on: view2")
      let config = handle.run.task.config
      let count = config.method.unit == .regions ? box_count : 0
      let classes = config.usesLabels ? labels : nil
      let batch = try Batch(
        view1: one, view2: two,
        boxes1: try regions(boxes1, count, images: one.shape[0], "step_on: boxes1"),
        boxes2: try regions(boxes2, count, images: one.shape[0], "step_on: boxes2"),
        labels: classes.map { classes in (0..<one.shape[0]).map { Int(classes[$0]) } },
        engine: handle.run.task.engine)
      try put(try handle.run.step(on: batch), report)
    }
  }
}

@c @implementation
public func scrl_trainer_run(
  _ trainer: OpaquePointer?, _ steps: UInt64, _ callback: scrl_step_fn?,
  _ user: UnsafeMutableRawPointer?
) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(trainer, TrainerHandle.self) { handle throws(ScrlError) in
      try handle.run.run(steps: Int(clamping: steps), isCancelled: handle.takeCancel) { report in
        var value = scrl_step_report(report)
        let stop = callback.map { $0(&value, user) != 0 } ?? false
        return !(handle.takeCancel() || stop)
      }
    }
  }
}

@c @implementation
public func scrl_trainer_save(
  _ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let path = try text(path, "trainer_save: path")
    try withHandle(trainer, TrainerHandle.self) { handle throws(ScrlError) in
      try handle.run.save(path)
    }
  }
}

@c @implementation
public func scrl_trainer_progress(
  _ trainer: OpaquePointer?, _ step: UnsafeMutablePointer<UInt64>?,
  _ total: UnsafeMutablePointer<UInt64>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(trainer, TrainerHandle.self) { handle in
      step?.pointee = UInt64(handle.run.stepsDone)
      total?.pointee = UInt64(handle.run.task.totalSteps)
    }
  }
}

@c @implementation
public func scrl_trainer_config(
  _ trainer: OpaquePointer?, _ config: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(config, "trainer_config")
    let handle = try Registry.shared.find(trainer, TrainerHandle.self)
    out.pointee = Registry.shared.add(ConfigHandle(handle.run.task.config))
  }
}

@c @implementation
public func scrl_trainer_profile(
  _ trainer: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
  _ length: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    try withHandle(trainer, TrainerHandle.self) { handle throws(ScrlError) in
      try copyOut(
        handle.run.profile.json, buffer, capacity, length, "trainer_profile")
    }
  }
}

@c @implementation
public func scrl_trainer_free(_ trainer: OpaquePointer?) {
  defer { BufferPool.shared.trim() }
  Registry.shared.remove(trainer, TrainerHandle.self)
}
