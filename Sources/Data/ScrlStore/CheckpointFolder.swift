// A run folder's checkpoints: checkpoint-00000100.h5 for step 100, and checkpoint.h5, a second
// name (hard link, or a copy where links are not possible) of the newest. Order when saving:
// write the numbered file, publish(), prune().

import Glibc
import ScrlBase

package enum CheckpointFolder {
  package static let newestName = "checkpoint.h5"

  /// "checkpoint-00000100.h5".
  package static func name(step: Int) -> String {
    let digits = String(max(0, step))
    return "checkpoint-" + String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
      + ".h5"
  }

  /// The step in a numbered checkpoint's name.
  package static func step(name: String) -> Int? {
    guard name.hasPrefix("checkpoint-"), name.hasSuffix(".h5") else { return nil }
    let digits = name.dropFirst("checkpoint-".count).dropLast(".h5".count)
    guard digits.utf8.count >= 8, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    return Int(digits)
  }

  /// Paths of the checkpoints there, checkpoint.h5 first, then from the newest step down.
  package static func candidates(in folder: String) throws(ScrlError) -> [String] {
    let names = try folderEntries(Array(folder.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let numbered = names.filter { step(name: $0) != nil }
      .sorted { (step(name: $0) ?? 0) > (step(name: $1) ?? 0) }
    let newest = names.contains(newestName) ? [newestName] : []
    return (newest + numbered).map { folder + "/" + $0 }
  }

  /// The newest checkpoint of a folder that is whole, and what was passed over with reasons; or
  /// the one file that the path names. A run killed between writing a numbered file and
  /// publishing it has a numbered one that is newer than checkpoint.h5.
  package static func newestWhole(
    _ path: String
  ) throws(ScrlError) -> (reader: CheckpointReader, skipped: [(path: String, reason: String)]) {
    var status = stat()
    try checkPath(path)
    guard stat(path, &status) == 0 else { throw ioError("open \(path)") }
    guard status.st_mode & S_IFMT == S_IFDIR else { return (try whole(path), []) }
    var skipped: [(path: String, reason: String)] = []
    var best: CheckpointReader?
    for candidate in try candidates(in: path) {
      let number = step(name: splitPath(candidate).name)
      if let best, let number, let have = try? best.integer("/training/step"), number <= have {
        break
      }
      do {
        let reader = try whole(candidate)
        best = reader
        if number != nil { break }
      } catch {
        skipped.append((candidate, error.message))
      }
    }
    if let best { return (best, skipped) }
    guard let first = skipped.first else {
      guard access(path + "/metrics.jsonl", F_OK) == 0 else {
        throw ScrlError(
          .io,
          "open \(path): holds neither checkpoints nor metrics.jsonl · expected a run folder or a "
            + "checkpoint")
      }
      throw ScrlError(
        .io,
        "open \(path): holds no checkpoint yet · expected a run that has saved; one that ended "
          + "before that is begun again by the same command or call")
    }
    let more = skipped.count > 1 ? " and \(skipped.count - 1) more" : ""
    throw ScrlError(
      .format,
      "open \(path): none of its checkpoints is whole: \(first.reason)\(more) · expected a whole "
        + "one; to begin again there, move them away")
  }

  private static func whole(_ path: String) throws(ScrlError) -> CheckpointReader {
    let reader = try CheckpointReader(path: path)
    try reader.verify()
    return reader
  }

  /// Moves what stands under a checkpoint's name and is none, or a damaged one, out of the way: a run
  /// folder is never a dead end, and nothing in it is lost.
  package static func setAside(_ path: String) throws(ScrlError) {
    do throws(ScrlError) {
      return try checkReplaceable(path, by: .checkpoint)
    } catch {
      guard error.code == .state else { throw error }
    }
    var number = 1
    while access("\(path).other-\(number)", F_OK) == 0 { number += 1 }
    let other = "\(path).other-\(number)"
    guard rename(path, other) == 0 else { throw ioError("rename to \(other)") }
    Log.shared.note("save: \(path) was no whole checkpoint: moved to \(other)")
  }

  /// Makes checkpoint.h5 the numbered checkpoint of this step, in one rename.
  package static func publish(folder: String, step: Int) throws(ScrlError) {
    let source = folder + "/" + name(step: step)
    let target = folder + "/" + newestName
    let temporary = temporaryPath(folder: folder, name: newestName)
    let file = try OpenFile(reading: source)
    _ = try file.isClaimed()  // and so is its second name, the temporary
    if link(source, temporary) != 0 {
      switch errno {
      case EPERM, EOPNOTSUPP, EMLINK, EXDEV, ENOSYS, EACCES:
        try copy(file, to: temporary, for: target)
      default: throw ioError("link \(source)")
      }
    }
    // rename() of two names of one file does nothing and leaves the temporary: remove it then.
    guard rename(temporary, target) == 0 else {
      let error = ioError("rename to \(target)")
      unlink(temporary)
      throw error
    }
    unlink(temporary)
    try synchronizeFolder(folder)
  }

  private static func copy(
    _ input: OpenFile, to temporary: String, for target: String
  ) throws(ScrlError) {
    let output = try OpenFile(creating: temporary, for: target)
    var whole = false
    defer { if !whole { unlink(temporary) } }
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { piece.deallocate() }
    var done = 0
    while true {
      let got = try input.read(at: done, into: piece)
      if got == 0 { break }
      try output.write(at: done, UnsafeRawBufferPointer(rebasing: piece[0..<got]))
      done += got
    }
    try output.synchronize()
    whole = true
  }

  /// Removes numbered checkpoints except the newest `keep`; checkpoint.h5 stays.
  package static func prune(folder: String, keep: Int) throws(ScrlError) {
    let numbered = try candidates(in: folder).filter { step(name: splitPath($0).name) != nil }
    for path in numbered.dropFirst(max(0, keep)) {
      if unlink(path) != 0, errno != ENOENT { throw ioError("remove \(path)") }
    }
  }
}
