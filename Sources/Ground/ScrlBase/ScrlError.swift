// The one error of the library. Codes are the C status codes and never change their number.

package struct ScrlError: Error, Equatable, CustomStringConvertible {
  package enum Code: Int32, CaseIterable, Sendable {
    case argument = -1  // a call's own arguments: NULL, out of range, too small a buffer
    case config = -2  // unknown key, bad value, options that contradict each other
    case shape = -3  // tensors that do not fit each other
    case io = -4  // the operating system refused: missing file, full disk, permission
    case format = -5  // a file that is not what it should be
    case data = -6  // an image or annotation that cannot be used
    case memory = -7  // the memory asked for cannot be had
    case diverged = -8  // loss or weights are no longer finite
    case cancelled = -9  // stopped by the host
    case state = -10  // a call that the object's state does not allow
    case forked = -11  // a handle of the parent process used in a forked child
    case unsupported = -12  // this build or machine cannot do it
    case `internal` = -13  // a bug of ours, caught
  }

  package let code: Code
  package let message: String  // operation: got · expected

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}

extension ScrlError.Code {
  /// The status name as the header spells it, such as "SCRL_E_CONFIG".
  package var name: String {
    let word = self == .internal ? "internal" : "\(self)"
    return "SCRL_E_" + word.uppercased()
  }
}
