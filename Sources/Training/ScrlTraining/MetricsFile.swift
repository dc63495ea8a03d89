// metrics.jsonl of a run folder: one line for each step, appended. Others read it, and write into
// it: lines that are not a step's stay where they are when a run goes on, and what is no text is
// set aside under another name. Nothing that is not ours is lost, and nothing in it keeps a run
// from going on.

import Glibc
import ScrlBase
import ScrlStore

final class MetricsFile {
  private let path: String
  private let descriptor: Int32
  static let name = "metrics.jsonl"
  private static let largest = 1 << 30  // bytes of a file that is looked through

  /// A new one; an older one, of a run that left no checkpoint, is set aside.
  init(creatingIn folder: String) throws(ScrlError) {
    path = folder + "/" + MetricsFile.name
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG || status.st_size > 0 {
      let kept = try MetricsFile.setAside(path)
      Log.shared.note(
        "train: \(folder) held a run without a checkpoint: begun anew, its \(MetricsFile.name) is "
          + "now \(kept)")
    }
    descriptor = try MetricsFile.open(path)
  }

  /// Goes on after a step: the lines of later steps, and half a line at the end, are removed.
  init(resumingIn folder: String, atStep step: Int) throws(ScrlError) {
    path = folder + "/" + MetricsFile.name
    if let reason = try MetricsFile.cut(path, folder, afterStep: step) {
      let kept = try MetricsFile.setAside(path)
      Log.shared.note(
        "resume \(folder): \(MetricsFile.name) \(reason): a new one is begun, it is now \(kept)")
    }
    descriptor = try MetricsFile.open(path)
  }

  deinit { close(descriptor) }

  /// A line that could not be written whole is taken back.
  func append(_ line: String) throws(ScrlError) {
    let before = lseek(descriptor, 0, SEEK_END)
    var line = line + "\n"
    let put = line.withUTF8 { write(descriptor, $0.baseAddress, $0.count) }
    guard put == line.utf8.count else {
      let error =
        put < 0 ? systemError("write \(path)") : ScrlError(.io, "write \(path): cut short")
      if put > 0, before >= 0 { _ = ftruncate(descriptor, before) }
      throw error
    }
  }

  func synchronize() throws(ScrlError) {
    while fsync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw systemError("fsync \(path)")
    }
  }

  private static func open(_ path: String) throws(ScrlError) -> Int32 {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw systemError("open \(path)") }
    return descriptor
  }

  /// Gives the file the first free name metrics-1.jsonl, metrics-2.jsonl, …
  private static func setAside(_ path: String) throws(ScrlError) -> String {
    let folder = path.dropLast(name.count)
    var number = 1
    var status = stat()
    while lstat("\(folder)metrics-\(number).jsonl", &status) == 0 { number += 1 }
    let kept = "metrics-\(number).jsonl"
    guard rename(path, folder + kept) == 0 else { throw systemError("rename \(path) to \(kept)") }
    return kept
  }
}

// Going on.
extension MetricsFile {
  /// Leaves only what a run at that step goes on from. Returns what keeps it from being read.
  private static func cut(
    _ path: String, _ folder: String, afterStep step: Int
  ) throws(ScrlError) -> String? {
    let content: [UInt8]
    switch try read(path) {
    case .success(let bytes): content = bytes
    case .failure(let reason): return reason.text
    }
    let lines = MetricsLines(content, upTo: step)
    if !lines.foreign.isEmpty {
      try keepForeign(lines.foreign, folder)
      Log.shared.note(
        "resume \(folder): \(lines.foreignCount) lines of \(name) are no text: moved to "
          + foreignName)
    }
    guard lines.kept != content else { return nil }
    // The rest is taken away in one step, whatever happens meanwhile.
    if content.starts(with: lines.kept) {
      guard truncate(path, lines.kept.count) == 0 else { throw systemError("truncate \(path)") }
    } else {
      let file = try NewTextFile(path: path, replacing: .itself)
      try file.write(lines.kept)
      try file.finish()
    }
    return nil
  }

  private static let foreignName = "metrics-foreign.jsonl"

  private static func keepForeign(_ bytes: [UInt8], _ folder: String) throws(ScrlError) {
    let path = folder + "/" + foreignName
    let descriptor = try open(path)
    defer { close(descriptor) }
    guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
      throw systemError("write \(path)")
    }
  }

  private struct Unreadable: Error { let text: String }

  /// All bytes; none of a file that is not there.
  private static func read(_ path: String) throws(ScrlError) -> Result<[UInt8], Unreadable> {
    let descriptor = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      switch errno {
      case ENOENT where !isThere(path): return .success([])
      case EMFILE, ENFILE, ENOMEM: throw systemError("open \(path)")
      default: return .failure(Unreadable(text: "cannot be used (\(errnoText()))"))
      }
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return .failure(Unreadable(text: "is no regular file"))
    }
    guard status.st_size <= largest else {
      return .failure(Unreadable(text: "has \(status.st_size) bytes"))
    }
    var content = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < content.count {
      let got = content.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, done)
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        return .failure(Unreadable(text: "cannot be read (\(errnoText()))"))
      }
      done += got
    }
    return .success(content)
  }

  /// Also a link that leads nowhere.
  private static func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }
}

private func errnoText() -> String { String(cString: strerror(errno)) }

private func systemError(_ operation: String) -> ScrlError {
  ScrlError(.io, "\(operation): \(errnoText())")
}
