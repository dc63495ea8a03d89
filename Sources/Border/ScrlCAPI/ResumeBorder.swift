// scrl_trainer_resume*, scrl_detector_resume*

import CScrl
import ScrlBase
import ScrlDetection
import ScrlPretraining
import ScrlTraining

/// A host's key and value, key and value, …, NULL; NULL: none.
private func changes(
  _ pointer: UnsafePointer<UnsafePointer<CChar>?>?, _ name: String
) throws(ScrlError) -> ConfigChanges {
  var made: ConfigChanges = []
  guard let pointer else { return made }
  while pointer[2 * made.count] != nil {
    guard made.count < 1000 else {
      throw ScrlError(.argument, "\(name): 1000 keys and more · expected NULL after the last")
    }
    let key = try text(pointer[2 * made.count], name)
    let value = try text(pointer[2 * made.count + 1], "\(name): value of \(key)")
    made.append((key, value))
  }
  return made
}

@c @implementation
public func scrl_trainer_resume(
  _ path: UnsafePointer<CChar>?, _ dataset: OpaquePointer?,
  _ trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  scrl_trainer_resume_with(path, dataset, nil, trainer)
}

@c @implementation
public func scrl_trainer_resume_with(
  _ path: UnsafePointer<CChar>?, _ dataset: OpaquePointer?,
  _ changes: UnsafePointer<UnsafePointer<CChar>?>?,
  _ trainer: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(trainer, "trainer_resume")
    let reader = dataset == nil ? nil : try ScrlCAPI.dataset(dataset).reader
    let run = try Trainer<Pretraining>(
      resuming: try text(path, "trainer_resume: path"), dataset: reader,
      changes: try ScrlCAPI.changes(changes, "trainer_resume: changes"), makeEngine: makeEngine)
    out.pointee = Registry.shared.add(try TrainerHandle(run))
  }
}

@c @implementation
public func scrl_detector_resume(
  _ path: UnsafePointer<CChar>?, _ dataset: OpaquePointer?,
  _ detector: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  scrl_detector_resume_with(path, dataset, nil, detector)
}

@c @implementation
public func scrl_detector_resume_with(
  _ path: UnsafePointer<CChar>?, _ dataset: OpaquePointer?,
  _ changes: UnsafePointer<UnsafePointer<CChar>?>?,
  _ detector: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(detector, "detector_resume")
    let reader = dataset == nil ? nil : try ScrlCAPI.dataset(dataset).reader
    let run = try Trainer<DetectorTraining>(
      resuming: try text(path, "detector_resume: path"), dataset: reader,
      changes: try ScrlCAPI.changes(changes, "detector_resume: changes"), makeEngine: makeEngine)
    out.pointee = Registry.shared.add(try DetectorHandle(run.task.detector, run: run))
  }
}
