// scrl_writer_add_folder: every JPEG below a folder; what cannot be used is told to the host.

import CScrl
import Glibc
import ScrlBase
import ScrlStore

struct FolderImport {
  private(set) var added = 0
  private(set) var skipped = 0
  private let handle: WriterHandle
  private let options: scrl_folder_options
  private var classes: [[UInt8]: Int32] = [:]

  init(_ handle: WriterHandle, _ options: scrl_folder_options) {
    self.handle = handle
    self.options = options
  }

  mutating func run(_ folder: UnsafePointer<CChar>) throws(ScrlError) {
    let root = UnsafeBufferPointer(start: folder, count: strlen(folder)).map(
      UInt8.init(bitPattern:))
    var items: [WalkItem] = []
    try walkImages(folder: root) { item in items.append(item) }
    for (seen, item) in items.enumerated() {
      switch item {
      case .file(let file): try add(file)
      case .problem(let problem): try report(problem.path, problem.reason, label: nil)
      case .hidden(let path): handle.leaveOut(hidden: path)
      }
      if let progress = options.progress,
        progress(added, seen + 1, items.count, options.user) != 0
      {
        throw ScrlError(.cancelled, "add_folder: stopped by the host")
      }
    }
  }

  private mutating func add(_ file: WalkedFile) throws(ScrlError) {
    let label = try classID(file.topFolder)
    do throws(ScrlError) {
      try withCPath(file.path) { path throws(ScrlError) in
        var annotation = scrl_annotation()
        annotation.struct_size = UInt32(MemoryLayout<scrl_annotation>.size)
        annotation.label = label ?? -1
        try handle.add(file: path, &annotation)
      }
      added += 1
    } catch {
      // The image's own fault is reported; a full disk or no memory ends the call.
      guard error.code == .data || isReadError(error) else { throw error }
      try report(file.path, error.message, label: label)
    }
  }

  private mutating func report(
    _ path: [UInt8], _ reason: String, label: Int32?
  ) throws(ScrlError) {
    guard let tell = options.skipped else { return skipped += 1 }
    var answer: Int32 = 0
    try withCPath(path) { path in
      answer = oneLine(reason).withCString { tell(path, $0, label ?? -1, options.user) }
    }
    if answer < 0 { throw ScrlError(.cancelled, "add_folder: stopped by the host") }
    if answer > 0 { added += 1 } else { skipped += 1 }
  }

  /// The class that a folder's name stands for, made at its first image.
  private mutating func classID(_ folder: [UInt8]?) throws(ScrlError) -> Int32? {
    guard options.labels_from_folders != 0, let folder else { return nil }
    if let known = classes[folder] { return known }
    let id = try handle.writer.addClass(String(decoding: folder, as: UTF8.self))
    classes[folder] = id
    return id
  }
}

/// Whether the image file, not the dataset's, could not be read.
func isReadError(_ error: ScrlError) -> Bool {
  error.code == .io && ["open ", "read ", "stat "].contains { error.message.hasPrefix($0) }
}

/// A path of any bytes as C text, for a body that throws our error.
func withCPath(
  _ path: [UInt8], _ body: (UnsafePointer<CChar>) throws(ScrlError) -> Void
) throws(ScrlError) {
  var failure: ScrlError?
  (path + [0]).withUnsafeBufferPointer { bytes in
    bytes.withMemoryRebound(to: CChar.self) { text in
      guard let base = text.baseAddress else { return }
      do throws(ScrlError) { try body(base) } catch { failure = error }
    }
  }
  if let failure { throw failure }
}
