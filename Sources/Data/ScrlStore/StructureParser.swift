// Turns an open HDF5 file into ContainerStructure. Limits stop what a hostile file could make long.

import CHDF5
import ScrlBase

struct StructureParser {
  let path: String
  let fileByteCount: Int
  var structure = ContainerStructure()
  /// Names of the root's attributes that are no scalars of a kind that is used here.
  private(set) var otherNames: Set<String> = []
  private var objectCount = 0

  private static let deepestGroup = 32
  private static let mostObjects = 100_000
  private static let longestText = 1 << 20

  init(path: String, fileByteCount: Int) {
    self.path = path
    self.fileByteCount = fileByteCount
  }

  mutating func readGroup(_ group: hid_t, at name: String, depth: Int) throws(ScrlError) {
    var info = H5G_info_t()
    try checkHDF5(H5Gget_info(group, &info), .format, "read \(path): \(name)")
    guard info.nlinks <= UInt64(Self.mostObjects) else { throw tooLarge(name) }
    for index in 0..<info.nlinks {
      let child = try linkName(group, index, name)
      let childPath = name == "/" ? "/" + child : name + "/" + child
      objectCount += 1
      guard objectCount <= Self.mostObjects, depth < Self.deepestGroup else {
        throw tooLarge(childPath)
      }
      guard chdf5_link_is_hard(group, child) == 1 else {
        structure.datasets[childPath] = .failure(refusal(childPath, "is a link, not an object"))
        continue
      }
      try readObject(group, child, at: childPath, depth: depth)
    }
  }

  private mutating func readObject(
    _ group: hid_t, _ child: String, at name: String, depth: Int
  ) throws(ScrlError) {
    let object = try HDF5Handle(
      H5Oopen(group, child, chdf5_default()), .format, "read \(path): \(name)")
    switch H5Iget_type(object.id) {
    case H5I_GROUP:
      structure.groups.insert(name)
      try readAttributes(of: object.id, at: name)
      try readGroup(object.id, at: name, depth: depth + 1)
    case H5I_DATASET:
      try readAttributes(of: object.id, at: name)
      do {
        structure.datasets[name] = .success(try readDataset(object.id, at: name))
      } catch {
        structure.datasets[name] = .failure(error)
      }
    default: break
    }
  }

  private func linkName(_ group: hid_t, _ index: UInt64, _ parent: String) throws(ScrlError)
    -> String
  {
    var buffer = [CChar](repeating: 0, count: 1025)
    let length = H5Lget_name_by_idx(
      group, ".", H5_INDEX_NAME, H5_ITER_INC, index, &buffer, buffer.count, chdf5_default())
    guard length > 0, length < buffer.count else {
      throw refusal(parent, "has an unreadable link name: \(HDF5Library.takeErrorText())")
    }
    // Names that are not UTF-8 would not find their object again.
    let bytes = buffer[0..<length].map { UInt8(bitPattern: $0) }
    guard let name = String(validating: bytes, as: UTF8.self), !name.utf8.contains(0) else {
      throw refusal(parent, "has a link whose name is not UTF-8")
    }
    return name
  }

  private func readDataset(_ id: hid_t, at name: String) throws(ScrlError) -> StoredDataset {
    let doing = "read \(path): \(name)"
    let look = try HDF5Handle(H5Dget_create_plist(id), .format, doing)
    guard H5Pget_layout(look.id) == H5D_CONTIGUOUS else {
      throw refusal(name, "is not stored contiguously (chunked, compact or virtual)")
    }
    guard H5Pget_nfilters(look.id) == 0, H5Pget_external_count(look.id) == 0 else {
      throw refusal(name, "is filtered or kept in another file")
    }
    let storedType = try HDF5Handle(H5Dget_type(id), .format, doing)
    let type = try elementType(storedType.id, name)
    let shape = try readShape(id, name)
    var byteCount = type.byteCount
    for side in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: side)
      guard !overflow, product <= fileByteCount else {
        throw refusal(name, "has shape \(shape), more than the file's \(fileByteCount) bytes")
      }
      byteCount = product
    }
    var crc32c: UInt32?
    if let attribute = structure.attributes[name]?["crc32c"] {
      guard case .integer(let value) = attribute, let whole = UInt32(exactly: value) else {
        throw refusal(name, "has a crc32c that is not a u32")
      }
      crc32c = whole
    }
    let address = H5Dget_offset(id)
    if byteCount == 0 {
      return StoredDataset(
        path: name, type: type, shape: shape, offset: 0, byteCount: 0, crc32c: crc32c)
    }
    guard address != chdf5_undefined_address(), let offset = Int(exactly: address),
      offset <= fileByteCount - byteCount
    else { throw refusal(name, "lies outside the file") }
    return StoredDataset(
      path: name, type: type, shape: shape, offset: offset, byteCount: byteCount, crc32c: crc32c)
  }

  private func readShape(_ id: hid_t, _ name: String) throws(ScrlError) -> [Int] {
    let space = try HDF5Handle(H5Dget_space(id), .format, "read \(path): \(name)")
    switch H5Sget_simple_extent_type(space.id) {
    case H5S_SCALAR: return []
    case H5S_SIMPLE: break
    default: throw refusal(name, "has no simple shape")
    }
    let rank = Int(H5Sget_simple_extent_ndims(space.id))
    guard (1...32).contains(rank) else { throw refusal(name, "has rank \(rank)") }
    var dims = [hsize_t](repeating: 0, count: rank)
    guard H5Sget_simple_extent_dims(space.id, &dims, nil) == Int32(rank) else {
      throw refusal(name, "has an unreadable shape")
    }
    var shape: [Int] = []
    for side in dims {
      guard let side = Int(exactly: side) else { throw refusal(name, "has a shape of \(dims)") }
      shape.append(side)
    }
    return shape
  }

  private func elementType(_ type: hid_t, _ name: String) throws(ScrlError) -> ElementType {
    let known: [(hid_t, ElementType)] = [
      (chdf5_stored_uint8(), .uint8), (chdf5_stored_int32(), .int32),
      (chdf5_stored_uint32(), .uint32), (chdf5_stored_int64(), .int64),
      (chdf5_stored_uint64(), .uint64), (chdf5_stored_float32(), .float32),
      (chdf5_stored_float64(), .float64),
    ]
    if let match = known.first(where: { H5Tequal($0.0, type) > 0 }) { return match.1 }
    if H5Tget_class(type) == H5T_STRING {
      guard H5Tis_variable_str(type) == 0 else {
        throw refusal(name, "is text of variable length, expected fixed")
      }
      let size = H5Tget_size(type)
      guard (1...Self.longestText).contains(size) else {
        throw refusal(name, "is text of \(size) bytes, expected 1...\(Self.longestText)")
      }
      return .text(byteCount: size)
    }
    throw refusal(name, "has an element type that this library does not use")
  }

  private func refusal(_ name: String, _ reason: String) -> ScrlError {
    ScrlError(.format, "read \(path): \(name) \(reason)")
  }

  private func tooLarge(_ name: String) -> ScrlError {
    refusal(name, "is one object too many, or too deep")
  }
}

// Attributes: scalars only; others are passed over, since other programs may add their own.
extension StructureParser {
  mutating func readAttributes(of object: hid_t, at name: String) throws(ScrlError) {
    let count = chdf5_attribute_count(object)
    guard (0...4096).contains(count) else { throw refusal(name, "has unreadable attributes") }
    var values: [String: AttributeValue] = [:]
    for index in 0..<UInt64(count) {
      let attribute = try HDF5Handle(
        H5Aopen_by_idx(
          object, ".", H5_INDEX_NAME, H5_ITER_INC, index, chdf5_default(), chdf5_default()),
        .format, "read \(path): \(name): attribute \(index)")
      var buffer = [CChar](repeating: 0, count: 257)
      let length = H5Aget_name(attribute.id, buffer.count, &buffer)
      guard length > 0, length < buffer.count,
        let key = String(
          validating: buffer[0..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      else { continue }
      let value = try readAttribute(attribute.id, "\(name): attribute \(key)")
      if value == nil, name == "/" { otherNames.insert(key) }
      values[key] = value
    }
    if !values.isEmpty { structure.attributes[name] = values }
  }

  private func readAttribute(_ id: hid_t, _ name: String) throws(ScrlError) -> AttributeValue? {
    let doing = "read \(path): \(name)"
    let space = try HDF5Handle(H5Aget_space(id), .format, doing)
    guard H5Sget_simple_extent_type(space.id) == H5S_SCALAR else { return nil }
    let type = try HDF5Handle(H5Aget_type(id), .format, doing)
    switch H5Tget_class(type.id) {
    case H5T_INTEGER where H5Tget_size(type.id) <= 8:
      var value: Int64 = 0
      try checkHDF5(H5Aread(id, chdf5_int64(), &value), .format, doing)
      return .integer(value)
    case H5T_FLOAT where H5Tget_size(type.id) <= 8:
      var value = 0.0
      try checkHDF5(H5Aread(id, chdf5_float64(), &value), .format, doing)
      return .real(value)
    case H5T_STRING:
      let size = H5Tget_size(type.id)
      guard H5Tis_variable_str(type.id) == 0, (1...Self.longestText).contains(size) else {
        return nil
      }
      var bytes = [UInt8](repeating: 0, count: size)
      try checkHDF5(H5Aread(id, type.id, &bytes), .format, doing)
      return textOfBytes(bytes[...]).map { .text($0) }
    default: return nil
    }
  }
}

/// UTF-8 up to the first zero byte; nil when it is not UTF-8.
func textOfBytes(_ bytes: ArraySlice<UInt8>) -> String? {
  String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
}
