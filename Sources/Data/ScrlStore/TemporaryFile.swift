// Files on their way to their name: `.name.mark.tmp` beside it. Whoever writes one holds a shared
// flock() on it (shared, so that readers of the finished file may lock it too). One that can be
// locked alone has lost its writer, by kill or power cut: the next writer to that name removes it.

import Glibc
import ScrlBase

/// A file under a name that nobody else has: a crashed run's leftover is never waited for.
func createTemporary(folder: String, name: String, for path: String) throws(ScrlError)
  -> OpenFile
{
  let stem = temporaryStem(name)
  removeStaleTemporaries(in: folder) { $0 == stem }
  while true {
    let file = try OpenFile(creating: temporaryPath(folder: folder, name: name), for: path)
    if try file.isClaimed() { return file }
    unlink(file.path)
  }
}

func temporaryPath(folder: String, name: String) -> String {
  var generator = SystemRandomNumberGenerator()
  let mark = String(generator.next(), radix: 36)
  return "\(folder)/.\(temporaryStem(name)).\(mark).tmp"
}

private func temporaryStem(_ name: String) -> String { name.utf8.count > 200 ? "scrl" : name }

/// "d.h5" for ".d.h5.3k9x0.tmp"; nil for names that are no temporary's.
private func stem(ofTemporary name: String) -> String? {
  guard name.hasPrefix("."), name.hasSuffix(".tmp") else { return nil }
  let middle = name.dropFirst().dropLast(".tmp".count)
  guard let dot = middle.lastIndex(of: ".") else { return nil }
  let mark = middle[middle.index(after: dot)...].utf8
  let isMark =
    (1...13).contains(mark.count)
    && mark.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }
  return isMark ? String(middle[..<dot]) : nil
}

/// Removes what dead writers have left in a folder, of those names. What cannot be told dead stays.
package func removeStaleTemporaries(in folder: String, of isAmong: (String) -> Bool) {
  guard let names = try? folderEntries(Array(folder.utf8)) else { return }
  for name in names {
    let name = String(decoding: name, as: UTF8.self)
    guard let stem = stem(ofTemporary: name), isAmong(stem) else { continue }
    let path = folder + "/" + name
    let descriptor = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { continue }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      flock(descriptor, LOCK_EX | LOCK_NB) == 0
    else { continue }
    unlink(path)
  }
}
