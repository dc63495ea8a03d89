// Every call from a host passes here: what is thrown inside becomes a status and a text.

import CScrl
import Glibc
import ScrlBase

/// Runs a call's body; a thrown error becomes its status and this thread's last error.
func border(_ body: () throws(ScrlError) -> Void) -> scrl_status {
  do throws(ScrlError) {
    guard cpuIsSupported() else {
      throw ScrlError(
        .unsupported, "scrl: this build needs a CPU with AVX2 and FMA · build with MARCH=x86-64")
    }
    try body()
    return scrl_status(SCRL_OK)
  } catch {
    LastError.set(error.message)
    return error.code.rawValue
  }
}

/// The text of a thread's last failure, in that thread's own storage.
enum LastError {
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { free($0) }
    return key
  }()

  static func set(_ message: String) {
    free(pthread_getspecific(key))
    pthread_setspecific(key, strdup(oneLine(message)))
  }

  static var text: UnsafePointer<CChar> {
    guard let stored = pthread_getspecific(key) else { return eternal("") }
    return UnsafePointer(stored.assumingMemoryBound(to: CChar.self))
  }
}

/// C text that is made once and never freed: names, presets, build info.
func eternal(_ text: String) -> UnsafePointer<CChar> { EternalText.shared.pointer(text) }

final class EternalText: @unchecked Sendable {
  static let shared = EternalText()
  private let lock = RecursiveLock()
  private var pointers: [String: UnsafePointer<CChar>] = [:]
  private let nothing = UnsafeMutablePointer<CChar>.allocate(capacity: 1)

  private init() { nothing.initialize(to: 0) }

  func afterFork() { lock.reset() }

  func pointer(_ text: String) -> UnsafePointer<CChar> {
    lock.locked {
      if let known = pointers[text] { return known }
      guard let copy = strdup(text) else { return UnsafePointer(nothing) }
      pointers[text] = UnsafePointer(copy)
      return UnsafePointer(copy)
    }
  }
}
