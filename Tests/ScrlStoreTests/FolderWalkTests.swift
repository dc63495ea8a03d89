import Foundation
import ScrlBase
import Testing

@testable import ScrlStore

@Suite("Folder walk")
struct FolderWalkTests {
  private func walk(_ path: String) throws -> [WalkItem] {
    var items: [WalkItem] = []
    try walkImages(folder: Array(path.utf8)) { (item) throws(ScrlError) in items.append(item) }
    return items
  }

  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  @Test("Files come in bytewise order with their top folder, whatever they are called")
  func order() throws {
    let scratch = try Scratch()
    try makeFolder(scratch("b/deep/er"))
    try makeFolder(scratch("empty"))
    for name in ["b/2.jpg", "b/10.jpg", "b/deep/er/x", "a.JPG", "Z", "ä.jpg", ".hidden"] {
      try scratch.write(name, [1])
    }
    let found = try walk(scratch.path).compactMap { item -> String? in
      guard case .file(let file) = item else { return nil }
      let top = file.topFolder.map { String(decoding: $0, as: UTF8.self) } ?? "-"
      return top + " " + file.displayPath.dropFirst(scratch.path.count + 1)
    }
    #expect(
      found == [
        "- Z", "- a.JPG", "b b/10.jpg", "b b/2.jpg", "b b/deep/er/x", "- ä.jpg",
      ])
    #expect(try walk(scratch.path + "///") == walk(scratch.path))
  }

  @Test("Hidden files and folders are left out and listed, but for the root itself")
  func hidden() throws {
    let scratch = try Scratch()
    try makeFolder(scratch(".root/cat/@eaDir"))
    try makeFolder(scratch(".root/__MACOSX"))
    for name in [
      "cat/1.jpg", "cat/._1.jpg", "cat/Thumbs.db", "cat/@eaDir/1.jpg", "__MACOSX/1.jpg", "Icon\r",
    ] {
      try scratch.write(".root/" + name, [1])
    }
    let root = scratch(".root")
    let lines = try walk(root).map { item in
      switch item {
      case .file(let file): String(file.displayPath.dropFirst(root.count + 1))
      case .hidden(let path): "hidden " + displayText(path).dropFirst(root.count + 1)
      case .problem(let problem): "problem " + problem.reason
      }
    }
    #expect(
      lines == [
        "hidden Icon\\x0d", "hidden __MACOSX", "hidden cat/._1.jpg", "cat/1.jpg",
        "hidden cat/@eaDir", "hidden cat/Thumbs.db",
      ])
  }

  @Test("Names that are not UTF-8 are kept byte for byte")
  func rawNames() throws {
    let scratch = try Scratch()
    let path = Array(scratch.path.utf8) + [0x2F, 0x61, 0xFF, 0x0A, 0x5C]
    let file = try #require(fopen(cPath(path), "w"))
    fclose(file)
    #expect(try walk(scratch.path) == [.file(WalkedFile(path: path, topFolder: nil))])
    #expect(displayText(path).hasSuffix("/a\\xff\\x0a\\x5c"))
    #expect(displayText(Array("größe 犬".utf8)) == "größe 犬")
    #expect(displayText([0xE7, 0x8A]) == "\\xe7\\x8a")
  }

  @Test("Links are followed; loops, broken links and special files are listed, not opened")
  func special() throws {
    let scratch = try Scratch()
    try makeFolder(scratch("a/b"))
    try scratch.write("a/b/x", [1])
    symlink(scratch("a"), scratch("a/b/loop"))
    symlink(scratch("a/b"), scratch("linked"))
    symlink(scratch("nothing"), scratch("broken"))
    symlink("self", scratch("self"))
    mkfifo(scratch("pipe"), 0o600)
    symlink("/dev/null", scratch("device"))
    let lines = try walk(scratch.path).map { item in
      switch item {
      case .file(let file): String(file.displayPath.dropFirst(scratch.path.count + 1))
      case .problem(let problem):
        problem.displayPath.dropFirst(scratch.path.count + 1) + ": " + problem.reason
      case .hidden(let path): "hidden " + displayText(path)
      }
    }
    #expect(lines.count == 8, "\(lines)")
    #expect(lines[0...1] == ["a/b/loop: is a link to a folder that it lies in", "a/b/x"])
    #expect(lines[2...3] == ["broken: is a link to nothing", "device: is a device, not a file"])
    // By way of the link, /a is met once before it repeats.
    #expect(lines[4] == "linked/loop/b: is a link to a folder that it lies in")
    #expect(lines[5] == "linked/x")
    #expect(lines[6] == "pipe: is a pipe, not a file")
    #expect(lines[7].hasPrefix("self: Too many levels"))
  }

  @Test("A folder that cannot be read is an error; one inside is a problem")
  func unreadable() throws {
    let scratch = try Scratch()
    try scratch.write("file", [1])
    for path in [scratch("missing"), scratch("file"), "", "a\0b"] {
      let error = #expect(throws: ScrlError.self) { _ = try walk(path) }
      #expect(error?.code == .io)
    }
    try makeFolder(scratch("locked"))
    chmod(scratch("locked"), 0)
    defer { chmod(scratch("locked"), 0o700) }
    let problems = try walk(scratch.path).filter {
      if case .problem = $0 { true } else { false }
    }
    // The superuser may read everything.
    #expect(problems.count == (geteuid() == 0 ? 0 : 1))
  }

  @Test("A visitor's error ends the walk")
  func visitorStops() throws {
    let scratch = try Scratch()
    for name in ["a", "b"] { try scratch.write(name, [1]) }
    var visits = 0
    let error = #expect(throws: ScrlError.self) {
      try walkImages(folder: Array(scratch.path.utf8)) { (_) throws(ScrlError) in
        visits += 1
        throw ScrlError(.cancelled, "enough")
      }
    }
    #expect(error?.code == .cancelled && visits == 1)
  }
}
