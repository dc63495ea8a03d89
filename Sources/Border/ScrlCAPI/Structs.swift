// Structs that begin with struct_size: a program compiled against an older, shorter struct keeps
// working, one with a longer struct gets its tail untouched.

import CScrl
import Glibc
import ScrlBase

protocol SizedStruct {
  init()
  var struct_size: UInt32 { get set }
}

extension scrl_config_key: SizedStruct {}
extension scrl_annotation: SizedStruct {}
extension scrl_picture_options: SizedStruct {}
extension scrl_picture_report: SizedStruct {}
extension scrl_folder_options: SizedStruct {}
extension scrl_coco_issue: SizedStruct {}
extension scrl_coco_options: SizedStruct {}
extension scrl_coco_report: SizedStruct {}
extension scrl_view_pair: SizedStruct {}
extension scrl_tensor: SizedStruct {}
extension scrl_roi_align_options: SizedStruct {}
extension scrl_state_info: SizedStruct {}
extension scrl_step_report: SizedStruct {}

/// A host's struct, missing tail as zeroes.
func readStruct<Struct: SizedStruct>(
  _ pointer: UnsafePointer<Struct>?, _ name: String
) throws(ScrlError) -> Struct {
  guard let pointer else { throw ScrlError(.argument, "\(name): NULL struct") }
  var value = Struct()
  let size = min(try structSize(pointer, name), MemoryLayout<Struct>.size)
  withUnsafeMutableBytes(of: &value) { bytes in
    if let base = bytes.baseAddress { memcpy(base, pointer, size) }
  }
  return value
}

/// Fills a host's struct as far as it reaches; struct_size stays the host's.
func writeStruct<Struct: SizedStruct>(
  _ value: Struct, to pointer: UnsafeMutablePointer<Struct>?, _ name: String
) throws(ScrlError) {
  guard let pointer else { throw ScrlError(.argument, "\(name): NULL struct") }
  var value = value
  let size = try structSize(pointer, name)
  value.struct_size = UInt32(size)
  _ = withUnsafeBytes(of: value) { bytes in
    bytes.baseAddress.map { memcpy(pointer, $0, min(size, bytes.count)) }
  }
}

/// Checks a struct that the call will fill at its end, before anything is done.
func checkStruct<Struct: SizedStruct>(
  _ pointer: UnsafeMutablePointer<Struct>?, _ name: String
) throws(ScrlError) {
  if let pointer { _ = try structSize(pointer, name) }
}

private func structSize<Struct: SizedStruct>(
  _ pointer: UnsafePointer<Struct>, _ name: String
) throws(ScrlError) -> Int {
  // Read alone: the rest of the struct may be shorter than ours.
  let size = Int(UnsafeRawPointer(pointer).load(as: UInt32.self))
  guard size >= MemoryLayout<UInt64>.size, size <= 4096 else {
    throw ScrlError(
      .argument,
      "\(name): struct_size is \(size) · expected sizeof the struct, \(MemoryLayout<Struct>.size)")
  }
  return size
}
