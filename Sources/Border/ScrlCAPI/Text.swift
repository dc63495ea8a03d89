// Text and bytes across the border.

import Glibc
import ScrlBase
import ScrlStore

/// A host's text as a String. Throws `.argument` for NULL or bytes that are not UTF-8.
func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(ScrlError) -> String {
  guard let pointer else { throw ScrlError(.argument, "\(name): NULL where text is expected") }
  guard let text = String(validatingCString: pointer) else {
    throw ScrlError(.argument, "\(name): the text is not UTF-8")
  }
  return text
}

/// A host's size_t as our Int: the upper half of its range is more than any buffer has.
func room(_ capacity: Int) -> Int { capacity < 0 ? Int.max : capacity }

/// A host's buffer when it is to be filled, by the header's rule: the count is always told, a
/// capacity of 0 only asks. `name` is the call and what it gives: "dataset_boxes", "boxes".
func destination<Value>(
  _ buffer: UnsafeMutablePointer<Value>?, _ capacity: Int, for count: Int,
  told: UnsafeMutablePointer<Int>?, _ name: (call: String, unit: String)
) throws(ScrlError) -> UnsafeMutablePointer<Value>? {
  told?.pointee = count
  guard capacity != 0 else { return nil }
  guard let buffer, room(capacity) >= count else {
    throw ScrlError(
      .argument, "\(name.call): room for \(capacity) \(name.unit) · expected \(count)")
  }
  return buffer
}

/// Copies text out by the header's rule: a NUL at the end, the length always told, a capacity of
/// 0 only asks.
func copyOut(
  _ text: String, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
  _ length: UnsafeMutablePointer<Int>?, _ name: String
) throws(ScrlError) {
  var text = text
  let failure = text.withUTF8 { bytes -> ScrlError? in
    length?.pointee = bytes.count
    guard capacity != 0 else { return nil }
    guard let buffer, room(capacity) > bytes.count else {
      return ScrlError(
        .argument, "\(name): room for \(capacity) bytes · expected \(bytes.count + 1)")
    }
    if let base = bytes.baseAddress { memcpy(buffer, base, bytes.count) }
    buffer[bytes.count] = 0
    return nil
  }
  if let failure { throw failure }
}

/// The bytes of a file of a host's, named as the system spells it; only the first ones if told.
func readFile(
  _ path: UnsafePointer<CChar>, first limit: Int? = nil
) throws(ScrlError) -> [UInt8] {
  func failure(_ verb: String) -> ScrlError {
    ScrlError(.io, "\(verb) \(String(cString: path)): \(String(cString: strerror(errno)))")
  }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw failure("open") }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw failure("stat") }
  guard status.st_mode & S_IFMT == S_IFREG else {
    let kind = fileKind(status.st_mode)
    throw ScrlError(
      .io, "open \(String(cString: path)): \(kind) · expected a regular file")
  }
  guard limit != nil || status.st_size < 1 << 30 else {
    throw ScrlError(
      .data, "read \(String(cString: path)): \(status.st_size) bytes · expected < 1 GiB")
  }
  var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), limit ?? Int.max))
  var done = 0
  while done < bytes.count {
    let got = bytes.withUnsafeMutableBytes { buffer in
      read(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
    }
    if got < 0 && errno == EINTR { continue }
    guard got >= 0 else { throw failure("read") }
    if got == 0 { break }
    done += got
  }
  bytes.removeLast(bytes.count - done)
  return bytes
}
