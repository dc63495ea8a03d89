// What a file is, from how it begins: for the texts that name a file met where it does not belong,
// and what to do about it. One table for every door. Not here: reading any of these formats.

import ScrlBase

/// What a door wants.
package enum WantedFile: String, CaseIterable, Sendable {
  case dataset, checkpoint, weights, annotations

  var name: String {
    switch self {
    case .dataset: "a dataset of libscrl"
    case .checkpoint: "a checkpoint of libscrl"
    case .weights: "a checkpoint of libscrl or a file of torch.save"
    case .annotations: "JSON text (COCO)"
    }
  }

  init(format: String) { self = format == CheckpointFormat.name ? .checkpoint : .dataset }

  /// What makes such a file of pictures.
  fileprivate var cure: String {
    self == .dataset ? "`scrl pack` makes one of a folder of pictures" : ""
  }

  /// What is expected, and the cure.
  var explanation: String { cure.isEmpty ? name : "\(name): \(cure)" }
}

package struct FileKind: Equatable, Sendable {
  /// "a PNG picture"; nil: of no format that is known here.
  package let name: String?
  private let sort: Sort
  private let head: [UInt8]

  private enum Sort: Equatable {
    case picture, annotations, archive, torch, safetensors, onnx, keras, download, pointer, empty
    case dataset, checkpoint, text, other
  }

  /// - Parameter head: the first 4096 bytes, or all of a shorter file.
  package init(head: [UInt8]) {
    self.head = Array(head.prefix(8))
    if head.isEmpty {
      (name, sort) = ("empty", .empty)
    } else if head.starts(with: Superblock.signature) {
      (name, sort) = ("an HDF5 file", .other)
    } else if head.starts(with: Array("PK\u{3}\u{4}".utf8)) {
      (name, sort) = FileKind.ofZip(head)
    } else if let entry = FileKind.magics.first(where: { $0.fits(head) }) {
      (name, sort) = (entry.name, entry.sort)
    } else if head.starts(with: Array("BM".utf8)), head.dropFirst(6).starts(with: [0, 0, 0, 0]) {
      (name, sort) = ("a BMP picture", .picture)
    } else if FileKind.isSafetensors(head) {
      (name, sort) = ("a safetensors file", .safetensors)
    } else if FileKind.isONNX(head) {
      (name, sort) = ("an ONNX model", .onnx)
    } else {
      (name, sort) = FileKind.ofText(head) ?? (nil, .other)
    }
  }

  package func isOne(of wanted: WantedFile) -> Bool {
    switch wanted {
    case .dataset: sort == .dataset
    case .checkpoint: sort == .checkpoint
    case .weights: sort == .checkpoint || sort == .torch
    case .annotations: sort == .annotations
    }
  }

  /// Whether it is known and no text that could have been meant as JSON.
  var isOfAnotherForm: Bool {
    name != nil && sort != .annotations && sort != .empty && sort != .text
  }

  /// What an HDF5 file is, from the attributes of its root.
  init(attributes: [String: AttributeValue], others: Set<String>) {
    head = Superblock.signature
    switch attributes["format"] {
    case .text(DatasetFormat.name): (name, sort) = ("a libscrl dataset", .dataset)
    case .text(CheckpointFormat.name): (name, sort) = ("a libscrl checkpoint", .checkpoint)
    case .text("libscrl features"): (name, sort) = ("an HDF5 file of `scrl features`", .other)
    default:
      if others.contains("format") {  // h5py writes str so
        (name, sort) = ("an HDF5 file whose attribute format is no text of fixed length", .other)
        return
      }
      let isKeras = !others.isDisjoint(with: ["keras_version", "layer_names", "backend"])
      (name, sort) =
        isKeras ? ("a Keras HDF5 file", .keras) : ("an HDF5 file of another program", .other)
    }
  }

  /// What the file is, HDF5's root looked at too.
  package init(path: String) throws(ScrlError) {
    let file = try OpenFile(reading: path)
    let head = try file.head(4096)
    guard head.starts(with: Superblock.signature) else {
      self.init(head: head)
      return
    }
    do throws(ScrlError) {
      let root = try rootAttributes(of: file)
      self.init(attributes: root.known, others: root.others)
    } catch {
      self.init(head: head)
    }
  }

  /// "is a PNG picture · expected a dataset of libscrl: …".
  package func explanation(wanted: WantedFile) -> String {
    let hint = cure(wanted)
    return "\(phrase) · expected \(wanted.name)" + (hint.isEmpty ? "" : ": \(hint)")
  }

  /// "is a PNG picture".
  package var phrase: String {
    if let name { return "is \(name)" }
    let digits = head.map { byte in
      let text = String(byte, radix: 16)
      return byte < 16 ? "0" + text : text
    }
    return "is of no known format (begins with \(digits.joined(separator: " ")))"
  }

  private func cure(_ wanted: WantedFile) -> String {
    switch sort {
    case .empty: return "was it written or copied to its end?"
    case .pointer: return "`git lfs pull` brings the file that it stands for"
    case .download: return "the download gave a page instead of the file"
    case .archive: return "unpack it first"
    case .dataset where wanted != .annotations, .checkpoint where wanted == .dataset:
      return "are two paths exchanged?"
    case .annotations where wanted == .dataset:
      return "`scrl pack FOLDER --annotations FILE` makes one of it and its pictures"
    case .torch where wanted == .checkpoint:
      return "in Python, scrl.load_weights() and Model.load() read it"
    case .safetensors where wanted != .dataset && wanted != .annotations:
      return "torch.save(safetensors.torch.load_file(FILE), \"weights.pth\") makes one that "
        + "scrl.load_weights() reads"
    case .onnx, .keras:
      return wanted == .weights || wanted == .checkpoint
        ? "save the weights with torch.save(), which scrl.load_weights() reads" : ""
    default: return wanted.cure
    }
  }
}

// How files begin.
extension FileKind {
  private struct Magic {
    let offset: Int
    let bytes: [UInt8]
    let name: String
    let sort: Sort

    init(_ bytes: [UInt8], _ name: String, _ sort: Sort, at offset: Int = 0) {
      (self.offset, self.bytes, self.name, self.sort) = (offset, bytes, name, sort)
    }

    init(_ text: String, _ name: String, _ sort: Sort, at offset: Int = 0) {
      self.init(Array(text.utf8), name, sort, at: offset)
    }

    func fits(_ head: [UInt8]) -> Bool { head.dropFirst(offset).starts(with: bytes) }
  }

  private static let magics: [Magic] = [
    Magic([0xFF, 0xD8, 0xFF], "a JPEG picture", .picture),
    Magic([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "a PNG picture", .picture),
    Magic("GIF8", "a GIF picture", .picture),
    Magic("WEBP", "a WebP picture", .picture, at: 8),
    Magic([0x49, 0x49, 0x2A, 0], "a TIFF picture", .picture),
    Magic([0x4D, 0x4D, 0, 0x2A], "a TIFF picture", .picture),
    Magic([0x49, 0x49, 0x2B, 0], "a BigTIFF picture", .picture),
    Magic([0x4D, 0x4D, 0, 0x2B], "a BigTIFF picture", .picture),
    Magic([0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20], "a JPEG 2000 picture", .picture),
    Magic("ftypheic", "a HEIC picture", .picture, at: 4),
    Magic("ftypmif1", "a HEIF picture", .picture, at: 4),
    Magic("ftypavif", "an AVIF picture", .picture, at: 4),
    Magic("ftyp", "an MP4 video", .other, at: 4),
    Magic("DICM", "a DICOM picture", .picture, at: 128),
    Magic([0x93] + Array("NUMPY".utf8), "a NumPy array (.npy)", .other),
    Magic([0x1F, 0x8B], "a gzip archive", .archive),
    Magic([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "an xz archive", .archive),
    Magic("BZh", "a bzip2 archive", .archive),
    Magic([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive", .archive),
    Magic([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive", .archive),
    Magic("Rar!\u{1A}\u{7}", "a RAR archive", .archive),
    Magic("ustar", "a tar archive", .archive, at: 257),
    // A legacy file of torch.save begins with the pickle of its magic number.
    Magic([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46], "a PyTorch file", .torch),
    Magic([0x80, 2], "a Python pickle", .other), Magic([0x80, 3], "a Python pickle", .other),
    Magic([0x80, 4], "a Python pickle", .other), Magic([0x80, 5], "a Python pickle", .other),
    Magic("TFL3", "a TensorFlow Lite model", .onnx, at: 4),
    Magic("GGUF", "a GGUF model", .onnx),
    Magic("PAR1", "a Parquet file", .other), Magic("SQLite format 3", "an SQLite database", .other),
    Magic("%PDF", "a PDF document", .other), Magic("MATLAB 7.3 MAT", "a MATLAB file", .other),
    Magic("MATLAB 5.0 MAT", "a MATLAB file", .other),
    Magic([0x7F, 0x45, 0x4C, 0x46], "a program", .other),
    Magic("version https://git-lfs", "a Git LFS pointer", .pointer),
  ]

  private static func ofZip(_ head: [UInt8]) -> (String, Sort) {
    let length = head.count >= 30 ? Int(head[26]) | Int(head[27]) << 8 : 0
    let first = String(decoding: head.dropFirst(30).prefix(length), as: UTF8.self)
    // torch.save's entries are NAME/data.pkl, NAME/version, …
    let torch = [
      "/data.pkl", "/.format_version", "/byteorder", "/version", "/.data/serialization_id",
    ]
    if torch.contains(where: { first.hasSuffix($0) }) { return ("a PyTorch file", .torch) }
    if first.hasSuffix(".npy") { return ("a NumPy archive (.npz)", .other) }
    return ("a ZIP archive", .archive)
  }

  /// u64 length, then that much JSON of tensors.
  private static func isSafetensors(_ head: [UInt8]) -> Bool {
    guard head.count > 10, head[8] == UInt8(ascii: "{") else { return false }
    let length = head.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
    }
    return length >= 2 && length <= 100 << 20
  }

  /// Protobuf: ir_version, then the producer's name.
  private static func isONNX(_ head: [UInt8]) -> Bool {
    guard head.count > 4, head[0] == 8, head[1] <= 32, head[2] == 0x12 || head[2] == 0x3A else {
      return false
    }
    return head[2] == 0x3A || Int(head[3]) + 4 < head.count
  }

  private static func ofText(_ head: [UInt8]) -> (String?, Sort)? {
    let printable = head.prefix(512).allSatisfy {
      $0 >= 0x20 && $0 != 0x7F || (9...13).contains($0)
    }
    guard printable else { return nil }
    let text = String(decoding: head.prefix(512), as: UTF8.self)
    let trimmed = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    let lower = trimmed.prefix(256).lowercased()
    if lower.hasPrefix("<!doctype html") || lower.hasPrefix("<html") || lower.hasPrefix("<head") {
      return ("an HTML page", .download)
    }
    if lower.hasPrefix("<annotation") { return ("a Pascal VOC annotation", .other) }
    if lower.hasPrefix("<?xml") || lower.hasPrefix("<!doctype") { return ("XML text", .other) }
    if lower.hasPrefix("{") || lower.hasPrefix("[") { return ("JSON text", .annotations) }
    return ("a text", .text)
  }
}

extension OpenFile {
  /// The first bytes, at most `count` of them.
  func head(_ count: Int) throws(ScrlError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = bytes.withUnsafeMutableBytes { bytes in
      Result { () throws(ScrlError) in try read(at: 0, into: bytes) }
    }
    return Array(bytes.prefix(try result.get()))
  }
}

extension JSONReader {
  /// A picture or an archive is called that, before its bytes are taken for broken JSON.
  func refuseOtherForms() throws(ScrlError) {
    let kind = FileKind(head: Array(bytes.prefix(4096)))
    guard kind.isOfAnotherForm else { return }
    throw ScrlError(.format, "read \(source): \(kind.explanation(wanted: .annotations))")
  }
}
