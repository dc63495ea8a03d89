// Lists the files under a folder, in bytewise order of names, so that the same folder always gives
// the same list. Names are bytes: they need not be UTF-8. Nothing is opened but folders, so a pipe
// cannot hang the walk. Symbolic links are followed; a folder inside itself is reported. Hidden names
// (isHiddenName) are left out, but for the root's own.

import Glibc
import ScrlBase

package struct WalkedFile: Equatable, Sendable {
  package let path: [UInt8]  // as given to the walk, then '/', then the rest; no NUL
  package let topFolder: [UInt8]?  // first component below the root; nil directly in it

  package var displayPath: String { displayText(path) }
}

package struct WalkProblem: Equatable, Sendable {
  package let path: [UInt8]
  package let reason: String

  package var displayPath: String { displayText(path) }
}

package enum WalkItem: Equatable, Sendable {
  case file(WalkedFile)  // regular and readable, whatever its name
  case problem(WalkProblem)
  case hidden([UInt8])  // the path of a file, or of a folder that is not entered
}

/// What programs and systems put beside pictures, in lower case: names that start with "." are
/// hidden too.
private let hiddenNames: Set<String> = [
  "__macosx", "@eadir", "#recycle", "#snapshot", "@recycle", "@tmp", "@sharebin",
  "$recycle.bin", "system volume information", "lost+found", "thumbs.db", "ehthumbs.db",
  "ehthumbs_vista.db", "desktop.ini", "iconcache.db", "icon\r",
]

/// Whether a file or folder of this name is no part of what a user means by a folder's pictures.
package func isHiddenName(_ name: [UInt8]) -> Bool {
  guard name.first != UInt8(ascii: ".") else { return true }
  // NAS and camera programs keep previews in folders that begin with "@__" or end with "@Syno…".
  let text = String(decoding: name, as: UTF8.self).lowercased()
  return hiddenNames.contains(text) || text.hasPrefix("@__") || text.contains("@syno")
}

/// Calls visit for everything under the folder; throws when the folder itself cannot be read, and
/// passes on what visit throws.
package func walkImages(
  folder: [UInt8], visit: (WalkItem) throws(ScrlError) -> Void
) throws(ScrlError) {
  guard !folder.isEmpty, !folder.contains(0) else {
    throw ScrlError(.io, "read folder: the path is empty or has a NUL byte")
  }
  var root = folder
  while root.count > 1, root.last == UInt8(ascii: "/") { root.removeLast() }
  var status = stat()
  guard stat(cPath(root), &status) == 0 else {
    throw ioError("read folder \(displayText(root))")
  }
  let names = try folderEntries(root)
  try walk(root, names, top: nil, chain: [FolderIdentity(status)], visit)
}

private struct FolderIdentity: Equatable {
  let device: dev_t
  let inode: ino_t

  init(_ status: stat) {
    device = status.st_dev
    inode = status.st_ino
  }
}

private func walk(
  _ folder: [UInt8], _ names: [[UInt8]], top: [UInt8]?, chain: [FolderIdentity],
  _ visit: (WalkItem) throws(ScrlError) -> Void
) throws(ScrlError) {
  let slash = UInt8(ascii: "/")
  for name in names {
    let path = folder.last == slash ? folder + name : folder + [slash] + name
    func report(_ reason: String) throws(ScrlError) {
      try visit(.problem(WalkProblem(path: path, reason: reason)))
    }
    guard !isHiddenName(name) else {
      try visit(.hidden(path))
      continue
    }
    var status = stat()
    guard stat(cPath(path), &status) == 0 else {
      try report(errno == ENOENT ? "is a link to nothing" : errnoText(errno))
      continue
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      if access(cPath(path), R_OK) == 0 {
        try visit(.file(WalkedFile(path: path, topFolder: top)))
      } else {
        try report(errnoText(errno))
      }
    case S_IFDIR:
      let identity = FolderIdentity(status)
      guard !chain.contains(identity) else {
        try report("is a link to a folder that it lies in")
        continue
      }
      let inside: [[UInt8]]
      do {
        inside = try folderEntries(path)
      } catch {
        try report(error.message)
        continue
      }
      try walk(path, inside, top: top ?? name, chain: chain + [identity], visit)
    default: try report(fileKind(status.st_mode) + ", not a file")
    }
  }
}

/// Names in a folder but "." and "..", in bytewise order.
func folderEntries(_ folder: [UInt8]) throws(ScrlError) -> [[UInt8]] {
  guard let stream = opendir(cPath(folder)) else {
    throw ioError("read folder \(displayText(folder))")
  }
  defer { closedir(stream) }
  var names: [[UInt8]] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else {
      guard errno == 0 else { throw ioError("read folder \(displayText(folder))") }
      break
    }
    // The record is only as long as its name: read it in place, never as a copy of the struct.
    let start = UnsafeRawPointer(entry) + (MemoryLayout<dirent>.offset(of: \.d_name) ?? 0)
    let length = strlen(start.assumingMemoryBound(to: CChar.self))
    let name = Array(UnsafeRawBufferPointer(start: start, count: length))
    if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
  }
  return names.sorted { $0.lexicographicallyPrecedes($1) }
}

/// The bytes as a C path, to pass where C expects one.
package func cPath(_ path: [UInt8]) -> [CChar] {
  path.map { CChar(bitPattern: $0) } + [0]
}

/// Text for people: valid UTF-8 stays; other bytes, control characters and the backslash become
/// \xNN, so that different names never look the same.
package func displayText(_ bytes: [UInt8]) -> String {
  func escape(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
  }
  var text = ""
  var position = 0
  while position < bytes.count {
    let lead = bytes[position]
    let length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    let end = min(bytes.count, position + length)
    let piece = String(validating: bytes[position..<end], as: UTF8.self)
    let isPlain = lead >= 0x20 && lead != 0x7F && lead != UInt8(ascii: "\\")
    if isPlain, let piece, piece.unicodeScalars.count == 1 {
      text += piece
      position = end
    } else {
      text += escape(lead)
      position += 1
    }
  }
  return text
}
