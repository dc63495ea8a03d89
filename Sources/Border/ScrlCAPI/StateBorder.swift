// scrl_state_*: the named tensors of a model, a trainer or a detector.

import CScrl
import Glibc
import ScrlAutograd
import ScrlBase
import ScrlNN

/// A view: it keeps the tensors alive, not what they belong to, whose run folder must come free
/// when the owner does.
final class StateHandle: Handle, @unchecked Sendable {
  override class var kind: String { "state" }
  private let ownersLock: RecursiveLock
  private let entries: [NamedState]
  private let places: [String: Int]
  private let names: [UnsafeMutablePointer<CChar>?]  // C texts that live as long as the view

  init(_ entries: [NamedState], of owner: Handle) {
    ownersLock = owner.lock
    self.entries = entries
    places = Dictionary(
      entries.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    names = entries.map { strdup($0.name) }
  }

  deinit { for name in names { free(name) } }

  var count: Int { entries.count }

  func describe(_ index: Int) throws(ScrlError) -> scrl_state_info {
    guard entries.indices.contains(index) else {
      throw ScrlError(.argument, "state_at: index \(index) · expected 0..<\(entries.count)")
    }
    let tensor = entries[index].tensor
    let shape = tensor.plainShape.map { Int64($0) } + [0, 0, 0, 0]
    var info = scrl_state_info()
    info.name = UnsafePointer(names[index])
    info.rank = Int32(tensor.plainShape.count)
    info.shape = (shape[0], shape[1], shape[2], shape[3])
    info.count = Int64(tensor.plainCount)
    info.trainable = tensor is Parameter ? 1 : 0
    return info
  }

  func read(_ name: String, into values: UnsafeMutableBufferPointer<Float>) throws(ScrlError) {
    let entry = try find(name)
    try ownersLock.locked { () throws(ScrlError) in try entry.tensor.readPlain(into: values) }
  }

  func write(_ name: String, from values: UnsafeBufferPointer<Float>) throws(ScrlError) {
    let entry = try find(name)
    guard values.count == entry.tensor.plainCount else {
      throw ScrlError(
        .shape,
        "state_write: \(name) got \(values.count) values · expected \(entry.tensor.plainCount), "
          + "\(entry.tensor.plainShape)")
    }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw ScrlError(
        .argument,
        "state_write: \(name) value \(bad) is \(values[bad]) · expected finite values")
    }
    try ownersLock.locked { () throws(ScrlError) in try entry.tensor.writePlain(from: values) }
  }

  private func find(_ name: String) throws(ScrlError) -> NamedState {
    guard let place = places[name] else {
      throw ScrlError(.argument, "state: no '\(name)' among the \(entries.count) names")
    }
    return entries[place]
  }
}

private func view<Owner: Handle>(
  _ owner: OpaquePointer?, _ type: Owner.Type, _ state: UnsafeMutablePointer<OpaquePointer?>?,
  _ entries: (Owner) -> [NamedState]
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(state, "\(type.kind)_state")
    let handle = try Registry.shared.find(owner, type)
    out.pointee = Registry.shared.add(StateHandle(entries(handle), of: handle))
  }
}

@c @implementation
public func scrl_model_state(
  _ model: OpaquePointer?, _ state: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  view(model, ModelHandle.self, state) { $0.backbone.state }
}

@c @implementation
public func scrl_trainer_state(
  _ trainer: OpaquePointer?, _ state: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  view(trainer, TrainerHandle.self, state) { $0.run.task.state.state }
}

@c @implementation
public func scrl_detector_state(
  _ detector: OpaquePointer?, _ state: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  view(detector, DetectorHandle.self, state) { $0.detector.state.state }
}

@c @implementation
public func scrl_state_count(
  _ state: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(count, "state_count")
    out.pointee = try Registry.shared.find(state, StateHandle.self).count
  }
}

@c @implementation
public func scrl_state_at(
  _ state: OpaquePointer?, _ index: Int, _ info: UnsafeMutablePointer<scrl_state_info>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let handle = try Registry.shared.find(state, StateHandle.self)
    try writeStruct(try handle.describe(index), to: info, "state_at")
  }
}

@c @implementation
public func scrl_state_read(
  _ state: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafeMutablePointer<Float>?,
  _ count: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let handle = try Registry.shared.find(state, StateHandle.self)
    let values = try result(values, "state_read")
    try handle.read(
      try text(name, "state_read: name"),
      into: UnsafeMutableBufferPointer(start: values, count: max(0, count)))
  }
}

@c @implementation
public func scrl_state_write(
  _ state: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<Float>?,
  _ count: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let handle = try Registry.shared.find(state, StateHandle.self)
    guard let values else { throw ScrlError(.argument, "state_write: NULL values") }
    try handle.write(
      try text(name, "state_write: name"),
      from: UnsafeBufferPointer(start: values, count: max(0, count)))
  }
}

@c @implementation
public func scrl_state_free(_ state: OpaquePointer?) {
  Registry.shared.remove(state, StateHandle.self)
}
