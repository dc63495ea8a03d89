// One run at a time in a folder: the file `.lock`, held by flock(). The kernel lets go of it when
// its holder dies, however that happens, and a forked child does not keep it; that the file is
// there means nothing by itself. It holds "process 4711 on host", for whoever is refused. Over NFS,
// Linux passes flock() on to the server; where a file system has no locks the log says that none
// guards.

import CHost
import Glibc
import ScrlBase

package final class RunLock {
  private let path: String
  private let descriptor: Int32
  private let owner = getpid()
  private static let name = ".lock"

  /// Throws `.state` when another trainer, of any process, works in the folder.
  package init(folder: String) throws(ScrlError) {
    path = folder + "/" + RunLock.name
    descriptor = try RunLock.take(path, folder)
    chost_close_in_child(descriptor)
    RunLock.sign(descriptor)
  }

  deinit {
    guard owner == getpid() else { return }
    unlink(path)  // while it is held: nobody else's
    chost_keep_in_child(descriptor)
    close(descriptor)
  }

  /// A descriptor that holds the lock of the file of that name.
  private static func take(_ path: String, _ folder: String) throws(ScrlError) -> Int32 {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw ioError("lock \(folder): \(name)") }
      while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
        if errno == EINTR { continue }
        guard errno == EWOULDBLOCK else {
          let reason = errnoText(errno)
          Log.shared.note("lock \(folder): \(reason): nothing keeps a second run out of it")
          return descriptor
        }
        let holder = signature(descriptor)
        close(descriptor)
        throw ScrlError(
          .state,
          "run folder \(folder): in use by \(holder) · expected another folder, or that run to end")
      }
      if isNamed(descriptor, path) { return descriptor }
      close(descriptor)  // its holder has removed it since: another file has the name, or none
    }
  }

  private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
    var (held, named) = (stat(), stat())
    return fstat(descriptor, &held) == 0 && lstat(path, &named) == 0
      && (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)
  }

  private static var ownSignature: String {
    var host = utsname()
    let name = uname(&host) == 0 ? withUnsafeBytes(of: host.nodename) { Array($0) } : []
    return "process \(getpid()) on \(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))"
  }

  private static func sign(_ descriptor: Int32) {
    _ = ftruncate(descriptor, 0)  // it is only for people: nothing is checked
    _ = (ownSignature + "\n").withCString { pwrite(descriptor, $0, strlen($0), 0) }
  }

  /// Who holds the lock, as far as that can be read.
  private static func signature(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 320)
    let got = pread(descriptor, &bytes, bytes.count, 0)
    let line = bytes.prefix(max(0, got)).prefix { $0 != UInt8(ascii: "\n") }
    guard !line.isEmpty, line.allSatisfy({ (0x20...0x7E).contains($0) }) else {
      return "another process"
    }
    let text = String(decoding: line, as: UTF8.self)
    return text == ownSignature ? "a trainer of this process" : text
  }
}
