// Element types and attribute values of containers, as Swift and as HDF5 stores them.

import CHDF5
import ScrlBase

enum ElementType: Sendable {
  case uint8, int32, uint32, int64, uint64, float32, float64
  case text(byteCount: Int)  // fixed length, zero padded, UTF-8

  var byteCount: Int {
    switch self {
    case .uint8: 1
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    case .text(let byteCount): byteCount
    }
  }
}

enum AttributeValue: Sendable, Equatable {
  case integer(Int64)
  case int32(Int32)
  case uint32(UInt32)
  case real(Double)
  case text(String)
}

/// The HDF5 type of stored elements, owned by the caller.
func storedType(_ type: ElementType) throws(ScrlError) -> HDF5Handle {
  let doing = "HDF5 type"
  if case .text(let byteCount) = type {
    let handle = try HDF5Handle(H5Tcopy(chdf5_c_string()), .internal, doing)
    try checkHDF5(H5Tset_size(handle.id, max(1, byteCount)), .internal, doing)
    try checkHDF5(H5Tset_cset(handle.id, H5T_CSET_UTF8), .internal, doing)
    try checkHDF5(H5Tset_strpad(handle.id, H5T_STR_NULLPAD), .internal, doing)
    return handle
  }
  let id =
    switch type {
    case .uint8: chdf5_stored_uint8()
    case .int32: chdf5_stored_int32()
    case .uint32: chdf5_stored_uint32()
    case .int64: chdf5_stored_int64()
    case .uint64: chdf5_stored_uint64()
    case .float32: chdf5_stored_float32()
    case .float64, .text: chdf5_stored_float64()
    }
  return try HDF5Handle(H5Tcopy(id), .internal, doing)
}

extension AttributeValue {
  /// Type and bytes as stored; a machine of the other byte order would convert here.
  var stored: (type: ElementType, bytes: [UInt8]) {
    switch self {
    case .integer(let value): (.int64, littleEndianBytes([value]))
    case .int32(let value): (.int32, littleEndianBytes([value]))
    case .uint32(let value): (.uint32, littleEndianBytes([value]))
    case .real(let value): (.float64, littleEndianBytes([value.bitPattern]))
    case .text(let value):
      (.text(byteCount: max(1, value.utf8.count)), value.isEmpty ? [0] : Array(value.utf8))
    }
  }
}

func littleEndianBytes<Element: FixedWidthInteger>(_ values: [Element]) -> [UInt8] {
  values.map(\.littleEndian).withUnsafeBytes { Array($0) }
}

func littleEndianBytes(_ values: [Float]) -> [UInt8] {
  littleEndianBytes(values.map(\.bitPattern))
}
