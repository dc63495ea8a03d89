// Reads files of ContainerWriter's kind, and trusts none of them. HDF5 parses the structure, once,
// and is closed again; values are read by pread from ranges checked against the file's real size.
// What could lead HDF5 astray is refused before: a wrong end of file, links that are not hard,
// chunks, filters, external and virtual layouts, text of variable length, a broken seal.

import CHDF5
import Glibc
import ScrlBase

/// A dataset's place in its file.
struct StoredDataset: Sendable {
  let path: String
  let type: ElementType
  let shape: [Int]
  let offset: Int  // in the file
  let byteCount: Int
  let crc32c: UInt32?
}

final class ContainerReader: Sendable {
  let file: OpenFile
  let byteCount: Int
  let structure: ContainerStructure

  var path: String { file.path }

  /// Opens and checks that format and version are the expected ones.
  init(path: String, format: String, version: Int64) throws(ScrlError) {
    let file = try OpenFile(reading: path, wanted: WantedFile(format: format))
    let byteCount = try file.byteCount()
    let superblock = try Superblock(of: file, byteCount: byteCount, format: format)
    do throws(ScrlError) {
      try Seal.check(file, superblock, byteCount: byteCount)
      structure = try HDF5Library.exclusively { () throws(ScrlError) in
        let handle = try openHDF5(file, isMarkedOpen: superblock.isMarkedOpen)
        var parser = StructureParser(path: path, fileByteCount: byteCount)
        try parser.readAttributes(of: handle.id, at: "/")
        let kind = FileKind(
          attributes: parser.structure.attributes["/"] ?? [:], others: parser.otherNames)
        let wanted = WantedFile(format: format)
        guard kind.isOne(of: wanted) else {
          throw ScrlError(.format, "open \(path): \(kind.explanation(wanted: wanted))")
        }
        try parser.structure.check(path: path, version: version)
        try parser.readGroup(handle.id, at: "/", depth: 0)
        return parser.structure
      }
    } catch {
      guard superblock.isMarkedOpen, error.code == .format else { throw error }
      throw ScrlError(
        .format, "\(error.message); \(Superblock.openElsewhere) · expected it to be closed")
    }
    self.file = file
    self.byteCount = byteCount
    if superblock.isMarkedOpen {
      Log.shared.note("open \(path): \(Superblock.openElsewhere); read as it stands")
    }
  }

  func has(_ path: String) -> Bool { structure.datasets[path] != nil }

  /// The dataset, if it is there, checked to be of this type and rank.
  func dataset(_ name: String, _ type: ElementType, rank: Int) throws(ScrlError) -> StoredDataset {
    let found = try dataset(name)
    guard found.type.name == type.name, found.shape.count == rank else {
      throw ScrlError(
        .format,
        "read \(path): \(name) is \(found.type.name) of shape \(found.shape), expected "
          + "\(type.name) of rank \(rank)")
    }
    return found
  }

  func dataset(_ name: String) throws(ScrlError) -> StoredDataset {
    guard let found = structure.datasets[name] else {
      throw ScrlError(.format, "read \(path): dataset \(name) is missing")
    }
    return try found.get()
  }

  /// All bytes of the dataset, checked by its checksum where it has one.
  func bytes(of dataset: StoredDataset) throws(ScrlError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: dataset.byteCount)
    let result = bytes.withUnsafeMutableBytes { bytes in
      Result { () throws(ScrlError) in try read(dataset, into: bytes) }
    }
    try result.get()
    return bytes
  }

  /// Reads a whole dataset into a buffer of exactly its size.
  func read(_ dataset: StoredDataset, into bytes: UnsafeMutableRawBufferPointer) throws(ScrlError) {
    guard try file.read(at: dataset.offset, into: bytes) == bytes.count else {
      throw ScrlError(.format, "read \(path): the file ends inside \(dataset.path)")
    }
    guard dataset.crc32c.map({ $0 == CRC32C.of(UnsafeRawBufferPointer(bytes)) }) ?? true else {
      throw ScrlError(.format, "read \(path): \(dataset.path) is damaged (checksum)")
    }
  }

  /// Checks a dataset's checksum, reading it piece by piece.
  func verify(_ dataset: StoredDataset, with piece: UnsafeMutableRawBufferPointer)
    throws(ScrlError)
  {
    var crc = CRC32C()
    var done = 0
    while done < dataset.byteCount {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: piece[0..<min(piece.count, dataset.byteCount - done)])
      guard try file.read(at: dataset.offset + done, into: part) == part.count else {
        throw ScrlError(.format, "read \(path): the file ends inside \(dataset.path)")
      }
      crc.update(UnsafeRawBufferPointer(part))
      done += part.count
    }
    guard dataset.crc32c.map({ $0 == crc.value }) ?? true else {
      throw ScrlError(.format, "read \(path): \(dataset.path) is damaged (checksum)")
    }
  }

  func integers<Element: FixedWidthInteger>(
    _ dataset: StoredDataset, as type: Element.Type
  ) throws(ScrlError) -> [Element] {
    let bytes = try bytes(of: dataset)
    return bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / MemoryLayout<Element>.size).map { index in
        Element(
          littleEndian: bytes.loadUnaligned(
            fromByteOffset: index * MemoryLayout<Element>.size, as: Element.self))
      }
    }
  }
}

/// What a file holds, as plain values.
struct ContainerStructure: Sendable {
  var groups: Set<String> = ["/"]
  /// An entry that cannot be used keeps its reason, and hurts only who asks for it.
  var datasets: [String: Result<StoredDataset, ScrlError>] = [:]
  var attributes: [String: [String: AttributeValue]] = [:]

  func check(path: String, version: Int64) throws(ScrlError) {
    guard case .integer(let number) = attributes["/"]?["format_version"] else {
      throw ScrlError(.format, "open \(path): attribute format_version is missing or no integer")
    }
    guard number == version else {
      throw ScrlError(
        .format, "open \(path): format version \(number), this library reads version \(version)")
    }
  }
}

extension ElementType {
  var name: String {
    switch self {
    case .uint8: "uint8"
    case .int32: "int32"
    case .uint32: "uint32"
    case .int64: "int64"
    case .uint64: "uint64"
    case .float32: "float32"
    case .float64: "float64"
    case .text: "text"
    }
  }
}

/// The attributes of the root, and the names of those that are of no use here.
func rootAttributes(
  of file: OpenFile
) throws(ScrlError) -> (known: [String: AttributeValue], others: Set<String>) {
  let byteCount = try file.byteCount()
  let superblock = try Superblock(of: file, byteCount: byteCount, format: DatasetFormat.name)
  try Seal.check(file, superblock, byteCount: byteCount)
  let parser = try HDF5Library.exclusively { () throws(ScrlError) in
    let handle = try openHDF5(file, isMarkedOpen: superblock.isMarkedOpen)
    var parser = StructureParser(path: file.path, fileByteCount: byteCount)
    try parser.readAttributes(of: handle.id, at: "/")
    return parser
  }
  return (parser.structure.attributes["/"] ?? [:], parser.otherNames)
}

private func openHDF5(_ file: OpenFile, isMarkedOpen: Bool) throws(ScrlError) -> HDF5Handle {
  let doing = "open \(file.path)"
  let access = try HDF5Handle(H5Pcreate(chdf5_file_access()), .internal, doing)
  try checkHDF5(chdf5_no_file_lock(access.id), .internal, doing)
  // HDF5 refuses version 3 with its flags set. h5clear's way around it; read-only, so that the
  // file keeps them.
  let flags = "clear_status_flags"
  if isMarkedOpen, H5Pexist(access.id, flags) > 0 {
    var clear = true
    try checkHDF5(H5Pset(access.id, flags, &clear), .internal, doing)
  }
  let handle = try HDF5Handle(
    H5Fopen(file.path, chdf5_read_only(), access.id), .format, doing)
  // HDF5 opened by name: it must be the file that we hold, or offsets would mean nothing.
  var inside: UnsafeMutableRawPointer?
  try checkHDF5(H5Fget_vfd_handle(handle.id, chdf5_default(), &inside), .internal, doing)
  var theirs = stat()
  let ours = try file.status()
  guard let descriptor = inside?.assumingMemoryBound(to: Int32.self).pointee,
    fstat(descriptor, &theirs) == 0, theirs.st_dev == ours.st_dev, theirs.st_ino == ours.st_ino
  else { throw ScrlError(.io, "\(doing): the file was replaced meanwhile") }
  return handle
}
