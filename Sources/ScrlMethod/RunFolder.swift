// A run's folder: metrics.jsonl, numbered checkpoints, and checkpoint.h5, the newest of them.

import Glibc
import ScrlBase
import ScrlStore

package final class RunFolder {
  private let path: String
  private let metrics: Int32  // descriptor of metrics.jsonl, appending
  private static let metricsName = "metrics.jsonl"

  /// Makes the folder, and those above it. One that holds a run already is refused.
  package init(creating path: String) throws(ScrlError) {
    try makeFolders(path)
    let file = path + "/" + RunFolder.metricsName
    if !(try CheckpointFolder.candidates(in: path)).isEmpty || access(file, F_OK) == 0 {
      throw ScrlError(
        .state, "train: \(path) holds a run already · expected a new folder, or resume")
    }
    self.path = path
    metrics = try openAppending(file)
  }

  /// Goes on in a folder from a step: lines of metrics.jsonl after it are cut.
  package init(resuming path: String, atStep step: Int) throws(ScrlError) {
    self.path = path
    let file = path + "/" + RunFolder.metricsName
    metrics = try openAppending(file)
    let kept = try RunFolder.bytes(upTo: step, metrics, file)
    guard ftruncate(metrics, kept) == 0 else { throw systemError("truncate \(file)") }
  }

  deinit { if metrics >= 0 { close(metrics) } }

  package func append(_ line: String) throws(ScrlError) {
    var line = line + "\n"
    let put = line.withUTF8 { write(metrics, $0.baseAddress, $0.count) }
    guard put == line.utf8.count else {
      throw systemError("write \(path)/\(RunFolder.metricsName)")
    }
  }

  package func checkpointPath(step: Int) -> String {
    path + "/" + CheckpointFolder.name(step: step)
  }

  /// Makes a written checkpoint the newest and removes old ones.
  package func settle(step: Int, keep: Int) throws(ScrlError) {
    guard fsync(metrics) == 0 else { throw systemError("fsync \(path)/\(RunFolder.metricsName)") }
    try CheckpointFolder.publish(folder: path, step: step)
    try CheckpointFolder.prune(folder: path, keep: keep)
  }

  /// Length of the leading lines whose step is at most the given one; a half line ends them.
  private static func bytes(
    upTo step: Int, _ descriptor: Int32, _ file: String
  ) throws(ScrlError) -> Int {
    let end = lseek(descriptor, 0, SEEK_END)
    guard end >= 0 else { throw systemError("seek \(file)") }
    var content = [UInt8](repeating: 0, count: end)
    let got = content.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard got == end else { throw systemError("read \(file)") }
    var kept = 0
    while let newline = content[kept...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = String(decoding: content[kept..<newline], as: UTF8.self)
      guard let known = stepNumber(line), known <= step else { break }
      kept = newline + 1
    }
    return kept
  }

  /// N of a line that begins `{"step": N,`.
  private static func stepNumber(_ line: String) -> Int? {
    let start = "{\"step\": "
    guard line.hasPrefix(start) else { return nil }
    return Int(line.dropFirst(start.count).prefix { $0.isNumber })
  }
}

private func systemError(_ operation: String) -> ScrlError {
  ScrlError(.io, "\(operation): \(String(cString: strerror(errno)))")
}

private func openAppending(_ file: String) throws(ScrlError) -> Int32 {
  let descriptor = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
  guard descriptor >= 0 else { throw systemError("open \(file)") }
  return descriptor
}

private func makeFolders(_ path: String) throws(ScrlError) {
  guard !path.isEmpty else { throw ScrlError(.io, "create folder: the path is empty") }
  var built = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    built += part + "/"
    if mkdir(built, 0o777) != 0, errno != EEXIST { throw systemError("create folder \(built)") }
  }
  var status = stat()
  guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
    throw ScrlError(.io, "create folder \(path): a file has this name")
  }
}
