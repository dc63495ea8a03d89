// Where the image files are that an annotation file names: below its folder, or below `images` in it.
// A name that leads nowhere as it stands is looked for as it is likely meant: with "/" for "\", as a
// path inside the folder, with %20 as a space, in letters of another case, with fewer or more folders
// in front. A guess holds only where one file fits and no other image is that file. No name leads out
// of the folder. Not here: opening the files.

import Glibc
import ScrlBase

package final class ListedFiles {
  /// A file that a name leads to; `note` tells how, nil: as it stands.
  package struct Place: Equatable, Sendable {
    package let name: String  // as the dataset keeps it: relative, with "/"
    package let path: [UInt8]
    package let note: String?

    /// Whether it was looked for, and another file might be meant.
    package var isGuess: Bool { note == byCase || note == byFolders }
  }

  package enum Answer: Equatable, Sendable {
    case found(Place)
    case refused(CocoReason)
  }

  private let folder: [UInt8]
  private let looks: Bool
  private let inside: [[UInt8]]  // prefixes of absolute paths that lie in the folder
  private var byPath: [String: [[UInt8]]]?  // relative paths by their lower case, when asked for
  private var byName: [String: [[UInt8]]] = [:]  // by the lower case of the last part

  /// - Parameter folder: nil: nothing is looked for, only names are judged.
  package init(folder: [UInt8]?) {
    var root = folder ?? []
    looks = folder != nil
    while root.count > 1, root.last == slash { root.removeLast() }
    self.folder = root
    var prefixes = [root]
    if looks, let real = realpath(cPath(root), nil) {
      prefixes.append(Array(UnsafeRawBufferPointer(start: real, count: strlen(real))))
      free(real)
    }
    inside = prefixes.filter { $0.first == slash }
  }

  /// Where all the images are, in their order.
  package func places(of names: [String]) -> [Answer] {
    var answers = names.map { place(of: $0) }
    // A guess must not be the file of another image.
    var users: [[UInt8]: Set<String>] = [:]
    for case .found(let place) in answers { users[place.path, default: []].insert(place.name) }
    for (index, answer) in answers.enumerated() {
      guard case .found(let place) = answer, place.isGuess,
        users[place.path, default: []].count > 1
      else { continue }
      answers[index] = .found(Place(name: place.name, path: path(place.name), note: nil))
    }
    return answers
  }

  private func place(of name: String) -> Answer {
    if let reason = refusal(ofName: name) { return .refused(reason) }
    let plain = plainName(name)
    // Only names that stay below the folder in every reading are looked for.
    guard let plain else { return .refused(outside) }
    func found(_ relative: String, _ note: String?) -> Answer? {
      for candidate in [path(relative), path("images/" + relative)]
      where access(cPath(candidate), F_OK) == 0 {
        return .found(Place(name: plain, path: candidate, note: note))
      }
      return nil
    }
    guard looks else { return .found(Place(name: plain, path: Array(plain.utf8), note: nil)) }
    if !isAbsolute(name), let answer = found(name, nil) { return answer }
    if let answer = found(plain, plain == name ? nil : bySeparators) { return answer }
    if let decoded = percentDecoded(plain), let safe = plainName(decoded),
      let answer = found(safe, byPercent)
    {
      return answer
    }
    return guess(plain) ?? .found(Place(name: plain, path: path(plain), note: nil))
  }

  /// Looks below the folder for the one file that may be meant.
  private func guess(_ name: String) -> Answer? {
    let index = self.index()
    func only(_ hits: [[UInt8]]?, _ note: String) -> Answer? {
      guard let hits, hits.count == 1, let hit = hits.first else { return nil }
      return .found(Place(name: name, path: folder + [slash] + hit, note: note))
    }
    let parts = name.lowercased().split(separator: "/")
    for start in parts.indices {
      let rest = parts[start...].joined(separator: "/")
      let note = start == 0 ? byCase : byFolders
      if let hit = only(index[rest], note) ?? only(index["images/" + rest], note) { return hit }
    }
    // More folders in front than the name tells; never other ones than it tells.
    let longer = byName[parts.last.map(String.init) ?? ""]?.filter {
      String(decoding: $0, as: UTF8.self).lowercased().hasSuffix("/" + parts.joined(separator: "/"))
    }
    return only(longer, byFolders)
  }

  private func index() -> [String: [[UInt8]]] {
    if let byPath { return byPath }
    var paths: [String: [[UInt8]]] = [:]
    try? walkImages(folder: folder) { item in
      guard case .file(let file) = item else { return }
      let relative = Array(file.path.dropFirst(folder.count + (folder.last == slash ? 0 : 1)))
      guard let text = String(validating: relative, as: UTF8.self)?.lowercased() else { return }
      paths[text, default: []].append(relative)
      let last = text.split(separator: "/").last.map(String.init) ?? text
      byName[last, default: []].append(relative)
    }
    byPath = paths
    return paths
  }

  private func path(_ name: String) -> [UInt8] { folder + [slash] + Array(name.utf8) }

  /// The name with "/" between its parts, relative, without parts that say nothing; nil: it leads out
  /// of the folder.
  private func plainName(_ name: String) -> String? {
    var bytes = name.utf8.map { $0 == UInt8(ascii: "\\") ? slash : $0 }
    if isAbsolute(name) {
      guard let prefix = inside.first(where: { bytes.starts(with: $0 + [slash]) }) else {
        return nil
      }
      bytes.removeFirst(prefix.count + 1)
    }
    let parts = bytes.split(separator: slash).filter { $0 != [UInt8(ascii: ".")] }
    guard !parts.isEmpty, !parts.contains(Array("..".utf8)[...]) else { return nil }
    return String(decoding: Array(parts.joined(separator: [slash])), as: UTF8.self)
  }
}

private let bySeparators = "file names written with \"\\\", \"./\" or a whole path"
private let byPercent = "file names written with %20 and the like"
private let byCase = "file names in letters of another case"
private let byFolders = "file names with other folders in front"

private let slash = UInt8(ascii: "/")
private let outside = CocoReason(
  "file_name leads out of the folder", "its file_name leads out of the folder")

private func isAbsolute(_ name: String) -> Bool {
  let bytes = name.utf8.prefix(3).map { $0 == UInt8(ascii: "\\") ? slash : $0 }
  guard let first = bytes.first else { return false }
  let isLetter = (first | 0x20) >= UInt8(ascii: "a") && (first | 0x20) <= UInt8(ascii: "z")
  return first == slash || (isLetter && bytes.dropFirst() == [UInt8(ascii: ":"), slash])
}

/// A file may name images below the folder, and nothing else of the machine.
private func refusal(ofName name: String) -> CocoReason? {
  if name.isEmpty || name.utf8.contains(0) || name.utf8.count > DatasetFormat.longestName {
    return CocoReason(
      "file_name of no use", "its file_name is empty, too long or has a NUL")
  }
  let parts = name.utf8.split { $0 == slash || $0 == UInt8(ascii: "\\") }
  return parts.contains { Array($0) == Array("..".utf8) } ? outside : nil
}

/// The text with %XX as bytes; nil when there is none, or the bytes are no UTF-8.
private func percentDecoded(_ name: String) -> String? {
  let bytes = Array(name.utf8)
  var made: [UInt8] = []
  var place = 0
  while place < bytes.count {
    let digits = bytes[(place + 1)...].prefix(2)
    if bytes[place] == UInt8(ascii: "%"), digits.count == 2,
      let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16), value != 0
    {
      made.append(value)
      place += 3
    } else {
      made.append(bytes[place])
      place += 1
    }
  }
  return made.count == bytes.count ? nil : String(validating: made, as: UTF8.self)
}
