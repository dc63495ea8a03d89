// Handles: what a host holds. A registry knows the living ones by address, so that NULL, a freed
// handle, a handle of another kind and a parent's handle in a forked child are errors, not traps.

import CHost
import Glibc
import ScrlBase
import ScrlTensor

/// What stands behind a handle. Its calls run one after another.
class Handle: @unchecked Sendable {
  let lock = RecursiveLock()
  class var kind: String { "handle" }
  var cancel: CancelFlag? { nil }  // of those whose runs can be stopped
  func takeCancel() -> Bool { cancel?.take() ?? false }
}

/// A request to stop, which a host's signal handler may make at any moment: scrl_trainer_cancel()
/// and scrl_detector_cancel() are C (CHost) and find the flag by the handle's address.
final class CancelFlag: @unchecked Sendable {
  private let flag: OpaquePointer

  init(_ kind: chost_kind) throws(ScrlError) {
    guard let flag = chost_flag_new(kind) else {
      throw ScrlError(.memory, "new handle: no memory for its cancel flag")
    }
    self.flag = flag
  }

  deinit { chost_flag_free(flag) }

  func bind(_ handle: OpaquePointer) { chost_flag_bind(flag, UnsafeRawPointer(handle)) }

  /// Whether it was raised; it is lowered again.
  func take() -> Bool { chost_flag_take(flag) != 0 }
}

final class Registry: @unchecked Sendable {
  static let shared = Registry()

  private let lock = RecursiveLock()
  private var living: [OpaquePointer: Handle] = [:]
  private var owner = getpid()
  private var isForked = false

  func add(_ handle: Handle) -> OpaquePointer {
    noticeFork()
    let pointer = OpaquePointer(Unmanaged.passUnretained(handle).toOpaque())
    handle.cancel?.bind(pointer)
    lock.locked { living[pointer] = handle }
    return pointer
  }

  func find<Kind: Handle>(_ pointer: OpaquePointer?, _ type: Kind.Type) throws(ScrlError) -> Kind {
    noticeFork()
    guard let pointer else { throw ScrlError(.argument, "\(type.kind): NULL handle") }
    guard let handle = lock.locked({ living[pointer] }) as? Kind else {
      throw isForked
        ? ScrlError(
          .forked, "\(type.kind): the handle is the parent process's · open it in the worker")
        : ScrlError(.argument, "\(type.kind): not a living handle of this kind")
    }
    return handle
  }

  /// Forgets a handle; what it holds is freed when no call uses it any more.
  func remove<Kind: Handle>(_ pointer: OpaquePointer?, _ type: Kind.Type) {
    noticeFork()
    guard let pointer else { return }
    let removed = lock.locked {
      living[pointer] is Kind ? living.removeValue(forKey: pointer) : nil
    }
    withExtendedLifetime(removed) {}  // deinit may wait for threads: outside the lock
  }

  /// In a forked child the parent's threads are gone and its locks may stay locked for ever. The
  /// child starts anew; its parent's handles are forgotten, not freed.
  private func noticeFork() {
    let process = getpid()
    guard owner != process else { return }
    owner = process
    isForked = true
    lock.reset()
    Log.shared.afterFork()
    BufferPool.shared.afterFork()
    EternalText.shared.afterFork()
    _ = Unmanaged.passRetained(Forgotten(living))
    living = [:]
  }

  private final class Forgotten {
    let handles: [OpaquePointer: Handle]
    init(_ handles: [OpaquePointer: Handle]) { self.handles = handles }
  }
}

/// A living handle with its lock held for the call.
func withHandle<Kind: Handle, Result>(
  _ pointer: OpaquePointer?, _ type: Kind.Type, _ body: (Kind) throws(ScrlError) -> Result
) throws(ScrlError) -> Result {
  let handle = try Registry.shared.find(pointer, type)
  return try handle.lock.locked { () throws(ScrlError) in try body(handle) }
}

/// Where a new handle's address goes; NULL is refused before anything is made.
func result<Value>(
  _ pointer: UnsafeMutablePointer<Value>?, _ name: String
) throws(ScrlError) -> UnsafeMutablePointer<Value> {
  guard let pointer else { throw ScrlError(.argument, "\(name): NULL where a result goes") }
  return pointer
}
