// A run's folder: metrics.jsonl, numbered checkpoints, checkpoint.h5, the newest of all, and .lock
// while a run works there. It is known by its path from the root: a host may change its directory.

import Glibc
import ScrlBase
import ScrlStore

package final class RunFolder {
  package let path: String
  private let lock: RunLock
  private let metrics: MetricsFile
  /// Whether a killed run could go on from here.
  package private(set) var hasCheckpoint: Bool

  /// Makes the folder, and those above it. One that holds checkpoints is refused; one whose run
  /// ended before its first is begun anew.
  package init(creating given: String) throws(ScrlError) {
    try makeFolders(given)
    path = resolved(given)
    lock = try RunLock(folder: path)
    guard try CheckpointFolder.candidates(in: path).isEmpty else {
      throw ScrlError(
        .state, "train: \(given) holds a run already · expected a new folder, or resume")
    }
    RunFolder.sweep(path)
    metrics = try MetricsFile(creatingIn: path)
    hasCheckpoint = false
  }

  /// Goes on in a folder from a step.
  package init(_ claimed: ClaimedFolder, atStep step: Int) throws(ScrlError) {
    path = claimed.path
    lock = claimed.lock
    RunFolder.sweep(path)
    metrics = try MetricsFile(resumingIn: path, atStep: step)
    hasCheckpoint = true
  }

  package func append(_ line: String) throws(ScrlError) { try metrics.append(line) }

  /// Keeps a checkpoint under its step's number and as the newest, and removes old ones.
  package func save(
    step: Int, keep: Int, _ write: (String) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    let numbered = path + "/" + CheckpointFolder.name(step: step)
    try CheckpointFolder.setAside(numbered)
    try write(numbered)
    try metrics.synchronize()
    try CheckpointFolder.setAside(path + "/" + CheckpointFolder.newestName)
    try CheckpointFolder.publish(folder: path, step: step)
    hasCheckpoint = true
    try CheckpointFolder.prune(folder: path, keep: keep)
  }

  /// Keeps a checkpoint as the newest alone: numbered ones are those that were asked for by step,
  /// and the clock does not push them out.
  package func saveNewest(_ write: (String) throws(ScrlError) -> Void) throws(ScrlError) {
    try metrics.synchronize()
    try CheckpointFolder.setAside(path + "/" + CheckpointFolder.newestName)
    try write(path + "/" + CheckpointFolder.newestName)
    hasCheckpoint = true
  }

  /// Removes what a killed run has left half written.
  private static func sweep(_ path: String) {
    removeStaleTemporaries(in: path) { name in
      name == MetricsFile.name || name == CheckpointFolder.newestName
        || CheckpointFolder.step(name: name) != nil
    }
  }
}

/// A folder to go on in, locked before its checkpoints are looked at.
package struct ClaimedFolder {
  fileprivate let path: String
  fileprivate let lock: RunLock

  /// nil for a path that names a checkpoint file. A folder without checkpoints is left as it is.
  package init?(resuming given: String) throws(ScrlError) {
    var status = stat()
    guard stat(given, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      !(try CheckpointFolder.candidates(in: given)).isEmpty
    else { return nil }
    path = resolved(given)
    lock = try RunLock(folder: path)
  }
}

private func makeFolders(_ path: String) throws(ScrlError) {
  guard !path.isEmpty else { throw ScrlError(.io, "create folder: the path is empty") }
  var built = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    built += part + "/"
    if mkdir(built, 0o777) != 0, errno != EEXIST {
      throw ScrlError(.io, "create folder \(built): \(String(cString: strerror(errno)))")
    }
  }
  var status = stat()
  guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
    throw ScrlError(.io, "create folder \(path): a file has this name")
  }
}
