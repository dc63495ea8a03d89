// Builds one HDF5 file that appears whole or not at all. What both formats share:
// - every dataset is contiguous, little-endian, unfiltered, and carries the u32 attribute `crc32c`
//   over its bytes (unless it is checked in parts); so raw data is plain file ranges
// - values wait in a spool beside the target, which has no name and so leaves nothing behind
// - HDF5 only ever writes the structure; values are copied to their offsets by pwrite, so that a
//   full disk is our error and never a half-closed HDF5 file
// - new-style object headers (HDF5 1.8 and later), whose metadata HDF5 checksums itself
// - no time stamps: the same content is the same bytes
// - behind HDF5's end stands the seal (Seal.swift)
// Order at the end: structure, values, seal, fsync, rename, fsync of the folder.

import CHDF5
import Glibc
import ScrlBase

struct NamedAttribute: Sendable {
  let owner: String  // path of the group or dataset
  let name: String
  let value: AttributeValue
}

final class ContainerWriter {
  let path: String
  private let kind: OutputKind
  private let folder: String
  private let name: String
  private let spoolFile: OpenFile
  private var spooled = 0
  private var pending: [UInt8] = []
  private var datasets: [PlannedDataset] = []
  private var groups: Set<String> = ["/"]
  private var attributes: [NamedAttribute] = []

  private struct PlannedDataset {
    let path: String
    let type: ElementType
    let shape: [Int]
    let content: Content
  }

  private enum Content {
    case bytes([UInt8])
    case spool(Range<Int>)

    var byteCount: Int {
      switch self {
      case .bytes(let bytes): bytes.count
      case .spool(let range): range.count
      }
    }
  }

  /// - Parameter kind: what may stand under the name already, to be replaced.
  init(path: String, replacing kind: OutputKind) throws(ScrlError) {
    let place = try checkedTarget(path, replacing: kind)
    self.kind = kind
    self.path = path
    (folder, name) = place
    spoolFile = try createTemporary(folder: folder, name: name, for: path)
    unlink(spoolFile.path)
  }

  var spooledByteCount: Int { spooled + pending.count }

  /// Appends bytes to the spool and returns their range in it.
  func spool(_ bytes: UnsafeRawBufferPointer) throws(ScrlError) -> Range<Int> {
    let start = spooledByteCount
    if pending.count + bytes.count > pieceByteCount { try flushSpool() }
    if bytes.count >= pieceByteCount {
      try spoolFile.write(at: spooled, bytes)
      spooled += bytes.count
    } else {
      pending.append(contentsOf: bytes)
    }
    return start..<start + bytes.count
  }

  private func flushSpool() throws(ScrlError) {
    let result = pending.withUnsafeBytes { bytes in
      Result { () throws(ScrlError) in try spoolFile.write(at: spooled, bytes) }
    }
    try result.get()
    spooled += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  func add(_ path: String, _ type: ElementType, shape: [Int], spool range: Range<Int>, crc: UInt32?)
    throws(ScrlError)
  {
    try plan(PlannedDataset(path: path, type: type, shape: shape, content: .spool(range)), crc)
  }

  func add(_ path: String, _ type: ElementType, shape: [Int], bytes: [UInt8]) throws(ScrlError) {
    try plan(
      PlannedDataset(path: path, type: type, shape: shape, content: .bytes(bytes)),
      CRC32C.of(bytes))
  }

  func addGroup(_ path: String) throws(ScrlError) {
    try checkObjectPath(path)
    guard !datasets.contains(where: { $0.path == path }) else {
      throw ScrlError(.argument, "write \(path): is a dataset already")
    }
    for parent in parents(of: path) + [path] { groups.insert(parent) }
  }

  func setAttribute(_ owner: String, _ name: String, _ value: AttributeValue) {
    attributes.append(NamedAttribute(owner: owner, name: name, value: value))
  }

  private func plan(_ dataset: PlannedDataset, _ crc: UInt32?) throws(ScrlError) {
    try checkObjectPath(dataset.path)
    let ancestors = parents(of: dataset.path)
    guard !groups.contains(dataset.path),
      !datasets.contains(where: { $0.path == dataset.path || ancestors.contains($0.path) })
    else { throw ScrlError(.argument, "write \(dataset.path): the name is taken already") }
    groups.formUnion(ancestors)
    datasets.append(dataset)
    if let crc { setAttribute(dataset.path, "crc32c", .uint32(crc)) }
  }

  /// Writes the file under its name. Afterwards this writer is used up, whatever happened.
  func finish() throws(ScrlError) {
    try flushSpool()
    let temporary = try createTemporary(folder: folder, name: name, for: path)
    var renamed = false
    defer { if !renamed { unlink(temporary.path) } }
    let total = datasets.reduce(0) { $0 + $1.content.byteCount }
    let slack = (1 << 16) + 4096 * (datasets.count + groups.count)
    try temporary.reserve(total + slack)
    let offsets = try HDF5Library.exclusively { () throws(ScrlError) in
      try buildStructure(temporary.path)
    }
    try temporary.reserve(total + slack)
    var values: [Range<Int>] = []
    for (dataset, offset) in zip(datasets, offsets) where dataset.content.byteCount > 0 {
      guard let offset else {
        throw ScrlError(.internal, "write \(path): \(dataset.path) has no place in the file")
      }
      try copy(dataset.content, to: temporary, at: offset)
      values.append(offset..<offset + dataset.content.byteCount)
    }
    try Seal.append(to: temporary, values: values)
    try temporary.trim()
    try temporary.synchronize()
    _ = try checkedTarget(path, replacing: kind)  // much may have happened since the start
    guard rename(temporary.path, path) == 0 else { throw ioError("rename to \(path)") }
    renamed = true
    try synchronizeFolder(folder)
  }

  private func copy(_ content: Content, to file: OpenFile, at offset: Int) throws(ScrlError) {
    switch content {
    case .bytes(let bytes):
      let result = bytes.withUnsafeBytes { bytes in
        Result { () throws(ScrlError) in try file.write(at: offset, bytes) }
      }
      try result.get()
    case .spool(let range):
      let piece = UnsafeMutableRawBufferPointer.allocate(
        byteCount: min(pieceByteCount, range.count), alignment: 64)
      defer { piece.deallocate() }
      var done = 0
      while done < range.count {
        let wanted = UnsafeMutableRawBufferPointer(
          rebasing: piece[0..<min(piece.count, range.count - done)])
        let got = try spoolFile.read(at: range.lowerBound + done, into: wanted)
        guard got == wanted.count else {
          throw ScrlError(.io, "write \(path): the temporary file was cut short")
        }
        try file.write(at: offset + done, UnsafeRawBufferPointer(wanted))
        done += got
      }
    }
  }
}

// HDF5's part: groups, datasets without values, attributes.
extension ContainerWriter {
  /// Returns each dataset's offset in the file; nil for empty ones.
  private func buildStructure(_ temporary: String) throws(ScrlError) -> [Int?] {
    let doing = "create \(path)"
    let access = try HDF5Handle(H5Pcreate(chdf5_file_access()), .internal, doing)
    try checkHDF5(
      H5Pset_libver_bounds(access.id, H5F_LIBVER_V18, H5F_LIBVER_V18), .internal, doing)
    try checkHDF5(chdf5_no_file_lock(access.id), .internal, doing)
    let fileLook = try HDF5Handle(H5Pcreate(chdf5_file_create()), .internal, doing)
    try checkHDF5(H5Pset_obj_track_times(fileLook.id, false), .internal, doing)
    try checkHDF5(H5Pset_attr_phase_change(fileLook.id, 1024, 0), .internal, doing)
    let file = try HDF5Handle(
      H5Fcreate(temporary, chdf5_truncate(), fileLook.id, access.id), .io, doing)
    try createGroups(file.id)
    var offsets: [Int?] = []
    for dataset in datasets { offsets.append(try create(dataset, in: file.id)) }
    for attribute in attributes { try create(attribute, in: file.id) }
    try checkHDF5(H5Fflush(file.id, H5F_SCOPE_GLOBAL), .io, doing)
    guard file.close() else {
      throw ScrlError(.io, "\(doing): HDF5: \(HDF5Library.takeErrorText())")
    }
    return offsets
  }

  private func createGroups(_ file: hid_t) throws(ScrlError) {
    let look = try HDF5Handle(H5Pcreate(chdf5_group_create()), .internal, "create \(path)")
    try checkHDF5(H5Pset_obj_track_times(look.id, false), .internal, "create \(path)")
    try checkHDF5(H5Pset_attr_phase_change(look.id, 1024, 0), .internal, "create \(path)")
    // A parent sorts before its children.
    for group in groups.sorted() where group != "/" {
      _ = try HDF5Handle(
        H5Gcreate2(file, group, chdf5_default(), look.id, chdf5_default()), .io,
        "create \(path): \(group)")
    }
  }

  private func create(_ dataset: PlannedDataset, in file: hid_t) throws(ScrlError) -> Int? {
    let doing = "create \(path): \(dataset.path)"
    let dims = dataset.shape.map { hsize_t($0) }
    let space = try HDF5Handle(
      dims.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(dims.count), dims, nil),
      .internal, doing)
    let look = try HDF5Handle(H5Pcreate(chdf5_dataset_create()), .internal, doing)
    try checkHDF5(H5Pset_layout(look.id, H5D_CONTIGUOUS), .internal, doing)
    try checkHDF5(H5Pset_alloc_time(look.id, H5D_ALLOC_TIME_EARLY), .internal, doing)
    try checkHDF5(H5Pset_fill_time(look.id, H5D_FILL_TIME_NEVER), .internal, doing)
    try checkHDF5(H5Pset_obj_track_times(look.id, false), .internal, doing)
    let type = try storedType(dataset.type)
    let created = try HDF5Handle(
      H5Dcreate2(
        file, dataset.path, type.id, space.id, chdf5_default(), look.id, chdf5_default()),
      .io, doing)
    let offset = H5Dget_offset(created.id)
    return offset == chdf5_undefined_address() ? nil : Int(exactly: offset)
  }

  private func create(_ attribute: NamedAttribute, in file: hid_t) throws(ScrlError) {
    let doing = "create \(path): \(attribute.owner) attribute \(attribute.name)"
    let owner = try HDF5Handle(
      H5Oopen(file, attribute.owner, chdf5_default()), .internal, doing)
    let (elementType, bytes) = attribute.value.stored
    let type = try storedType(elementType)
    let space = try HDF5Handle(H5Screate(H5S_SCALAR), .internal, doing)
    let created = try HDF5Handle(
      H5Acreate2(owner.id, attribute.name, type.id, space.id, chdf5_default(), chdf5_default()),
      .io, doing)
    try checkHDF5(H5Awrite(created.id, type.id, bytes), .io, doing)
  }
}

/// Folder and name of a file that can be made: the folder is there, the name is no other thing's.
func checkedTarget(
  _ path: String, replacing kind: OutputKind
) throws(ScrlError) -> (folder: String, name: String) {
  try checkPath(path)
  let (folder, name) = splitPath(path)
  guard !name.isEmpty, name != ".", name != ".." else {
    throw ScrlError(.io, "create \(path): names a folder, expected a file")
  }
  var status = stat()
  if stat(folder, &status) != 0 { throw ioError("create \(path): folder \(folder)") }
  guard status.st_mode & S_IFMT == S_IFDIR else {
    throw ScrlError(.io, "create \(path): \(folder) is not a folder")
  }
  if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
    throw ScrlError(.io, "create \(path): the name is taken, it \(fileKind(status.st_mode))")
  }
  try checkReplaceable(path, by: kind)
  return (folder, name)
}

/// Values move in pieces of this size, so that memory stays small whatever the file's size.
private let pieceByteCount = 8 << 20

/// "/a/b/c" → ["/a", "/a/b"]; the root is not among them.
private func parents(of path: String) -> [String] {
  var result: [String] = []
  for index in path.indices.dropFirst() where path[index] == "/" {
    result.append(String(path[..<index]))
  }
  return result
}

func checkObjectPath(_ path: String) throws(ScrlError) {
  let parts = path.split(separator: "/", omittingEmptySubsequences: false)
  let whole = parts.count > 1 && parts[0].isEmpty && !path.utf8.contains(0)
  guard whole, parts.dropFirst().allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
    throw ScrlError(
      .argument, "path in an HDF5 file: got \"\(path)\", expected one such as /model/conv1/weight")
  }
}
