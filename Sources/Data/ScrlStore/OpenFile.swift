// A file descriptor with one owner, and whole reads and writes at offsets: the operating system's
// reason is in every error.

import CHDF5
import Glibc
import ScrlBase

final class OpenFile: @unchecked Sendable {
  let descriptor: Int32
  let path: String
  private let shown: String  // what errors call it: a temporary bears the name it is meant for

  /// Opens a regular file for reading; never waits on a pipe or device.
  /// - Parameter wanted: what is expected there, for the text about a folder in its place.
  init(reading path: String, wanted: WantedFile? = nil) throws(ScrlError) {
    self.path = path
    shown = path
    try checkPath(path)
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ioError("open \(path)") }
    let mode = try status().st_mode & S_IFMT
    guard mode == S_IFREG else {
      let expected = wanted?.explanation ?? "a regular file"
      throw ScrlError(.io, "open \(path): \(fileKind(mode)) · expected \(expected)")
    }
  }

  /// Creates a file that must not exist yet, in place of `target` for now.
  init(creating path: String, for target: String) throws(ScrlError) {
    self.path = path
    shown = target
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw ioError("create \(target): temporary file beside it") }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Marks the file as somebody's while it is open, by a shared lock. False: whoever took it for a
  /// leftover was faster. Where there are no locks nobody removes leftovers either.
  func isClaimed() throws(ScrlError) -> Bool {
    while flock(descriptor, LOCK_SH | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      if errno == EWOULDBLOCK { return false }
      break
    }
    return try status().st_nlink > 0
  }

  func status() throws(ScrlError) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw ioError("stat \(shown)") }
    return status
  }

  func byteCount() throws(ScrlError) -> Int { Int(try status().st_size) }

  /// Bytes read at the offset; fewer than asked only at the end of the file.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(ScrlError) -> Int {
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let got = pread(descriptor, base + done, min(buffer.count - done, 1 << 30), offset + done)
      if got < 0 {
        if errno == EINTR { continue }
        throw ioError("read \(shown)")
      }
      if got == 0 { break }
      done += got
    }
    return done
  }

  func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(ScrlError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let put = pwrite(descriptor, base + done, min(bytes.count - done, 1 << 30), offset + done)
      if put < 0 {
        if errno == EINTR { continue }
        throw ioError("write \(shown)")
      }
      if put == 0 { throw ScrlError(.io, "write \(shown): nothing written") }
      done += put
    }
  }

  /// Asks for the space now, so that a full disk is one early error. Folders whose file system
  /// cannot reserve are fine: then the write itself will say.
  func reserve(_ byteCount: Int) throws(ScrlError) {
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0,
      UInt64(byteCount) > UInt64(limit.rlim_cur)
    {
      errno = EFBIG
      throw ioError("write \(shown) (\(byteCount) bytes)")
    }
    guard byteCount > 0 else { return }
    while chdf5_reserve(descriptor, Int64(byteCount)) != 0 {
      switch errno {
      case EINTR: continue
      case ENOSPC, EFBIG, EDQUOT, EIO, EROFS:
        throw ioError("write \(shown) (\(byteCount) bytes)")
      default: return
      }
    }
  }

  /// Gives back what was reserved behind the end.
  func trim() throws(ScrlError) {
    guard ftruncate(descriptor, try status().st_size) == 0 else {
      throw ioError("truncate \(shown)")
    }
  }

  func synchronize() throws(ScrlError) {
    while fsync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw ioError("fsync \(shown)")
    }
  }
}

/// An .io error with errno's text.
func ioError(_ operation: String) -> ScrlError {
  ScrlError(.io, "\(operation): \(errnoText(errno))")
}

func errnoText(_ code: Int32) -> String {
  guard let text = strerror(code) else { return "error \(code)" }
  return String(cString: text)
}

func checkPath(_ path: String) throws(ScrlError) {
  guard !path.isEmpty else { throw ScrlError(.io, "open: the path is empty") }
  guard !path.utf8.contains(0) else {
    throw ScrlError(.io, "open: the path has a NUL byte")
  }
}

package func fileKind(_ mode: mode_t) -> String {
  switch mode & S_IFMT {
  case S_IFDIR: "is a folder"
  case S_IFIFO: "is a pipe"
  case S_IFSOCK: "is a socket"
  case S_IFCHR, S_IFBLK: "is a device"
  case S_IFREG: "is a regular file"
  default: "is not a regular file"
  }
}

/// Folder and last component of a path; the folder of a bare name is ".".
func splitPath(_ path: String) -> (folder: String, name: String) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path) }
  let folder = String(path[..<slash])
  return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
}

/// The path from the root, links resolved: what it means in another working directory.
package func resolved(_ path: String) -> String {
  guard let text = realpath(path, nil) else { return path }
  defer { free(text) }
  return String(cString: text)
}

func synchronizeFolder(_ folder: String) throws(ScrlError) {
  let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw ioError("open \(folder)") }
  defer { close(descriptor) }
  // Some file systems cannot sync a folder and say EINVAL; they keep renames safe themselves.
  while fsync(descriptor) != 0 {
    if errno == EINTR { continue }
    if errno == EINVAL || errno == ENOTSUP { return }
    throw ioError("fsync \(folder)")
  }
}
