// HDF5 as a guest in the host's process: one lock around its calls, nothing printed, handles that
// close themselves. It is never shut down or reset here: the host may use it too.

import CHDF5
import Glibc
import ScrlBase

/// HDF5's serial build has no lock of its own; Debian's has one. Ours makes both alike.
enum HDF5Library {
  private static let lock = RecursiveLock()

  /// Runs body with HDF5 to itself. The error printer is off meanwhile (it is per thread) and the
  /// host's own setting comes back after.
  static func exclusively<Result>(
    _ body: () throws(ScrlError) -> Result
  ) throws(ScrlError) -> Result {
    _ = forksOutside
    return try lock.locked { () throws(ScrlError) -> Result in
      let stack = chdf5_error_stack()
      var printer: H5E_auto2_t?
      var printerData: UnsafeMutableRawPointer?
      H5Eget_auto2(stack, &printer, &printerData)
      H5Eset_auto2(stack, nil, nil)
      defer { H5Eset_auto2(stack, printer, printerData) }
      return try body()
    }
  }

  /// fork() waits until no thread is inside HDF5, so that neither our lock nor HDF5's own stays
  /// locked for ever in the child, whose one thread is another one than the lock's owner.
  private static let forksOutside: Void = {
    _ = pthread_atfork(
      { pthread_mutex_lock(HDF5Library.lock.mutex) },
      { pthread_mutex_unlock(HDF5Library.lock.mutex) },
      { HDF5Library.lock.reset() })
  }()

  /// The innermost reasons on HDF5's error stack, for messages; the stack is cleared.
  static func takeErrorText() -> String {
    var reasons: [String] = []
    withUnsafeMutablePointer(to: &reasons) { pointer in
      _ = H5Ewalk2(
        chdf5_error_stack(), H5E_WALK_UPWARD,
        { depth, entry, context in
          guard depth < 2, let entry, let context, let text = entry.pointee.desc else { return 0 }
          context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
          return 0
        }, pointer)
    }
    H5Eclear2(chdf5_error_stack())
    return reasons.isEmpty ? "no reason given" : reasons.joined(separator: "; ")
  }
}

/// Any HDF5 identifier; released by its one owner. Use only inside `exclusively`.
struct HDF5Handle: ~Copyable {
  let id: hid_t

  /// - Parameter id: what an HDF5 call returned; negative is that call's failure.
  init(_ id: hid_t, _ code: ScrlError.Code, _ operation: @autoclosure () -> String)
    throws(ScrlError)
  {
    guard id >= 0 else {
      throw ScrlError(code, "\(operation()): HDF5: \(HDF5Library.takeErrorText())")
    }
    self.id = id
  }

  deinit { H5Idec_ref(id) }

  /// Closes now, to hear whether it went well.
  consuming func close() -> Bool {
    let id = self.id
    discard self
    return H5Idec_ref(id) >= 0
  }
}

/// Turns a failed HDF5 status into an error.
func checkHDF5(
  _ status: herr_t, _ code: ScrlError.Code, _ operation: @autoclosure () -> String
) throws(ScrlError) {
  guard status >= 0 else {
    throw ScrlError(code, "\(operation()): HDF5: \(HDF5Library.takeErrorText())")
  }
}
