// scrl_dataset_*: what is known of boxes and images besides corners and classes, and the COCO export.

import CScrl
import ScrlBase
import ScrlStore

@c @implementation
public func scrl_dataset_box_flags(
  _ dataset: OpaquePointer?, _ index: Int, _ flags: UnsafeMutablePointer<UInt8>?, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let known = try reader(dataset, checking: index).boxes(of: index)
    let target = try destination(
      flags, capacity, for: known.count, told: count, ("dataset_box_flags", "boxes"))
    guard let target else { return }
    for (place, box) in known.enumerated() { target[place] = box.flags.rawValue }
  }
}

@c @implementation
public func scrl_dataset_box_areas(
  _ dataset: OpaquePointer?, _ index: Int, _ areas: UnsafeMutablePointer<Float>?, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let reader = try reader(dataset, checking: index)
    let (height, width) = reader.size(of: index)
    let known = reader.boxes(of: index)
    let target = try destination(
      areas, capacity, for: known.count, told: count, ("dataset_box_areas", "boxes"))
    guard let target else { return }
    for (place, box) in known.enumerated() {
      target[place] = try box.measuredArea(height: height, width: width)
    }
  }
}

@c @implementation
public func scrl_dataset_image_id(
  _ dataset: OpaquePointer?, _ index: Int, _ id: UnsafeMutablePointer<Int64>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(id, "dataset_image_id")
    out.pointee = try reader(dataset, checking: index).imageID(of: index) ?? -1
  }
}

@c @implementation
public func scrl_dataset_name(
  _ dataset: OpaquePointer?, _ index: Int, _ buffer: UnsafeMutablePointer<CChar>?,
  _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let name = try reader(dataset, checking: index).name(of: index) ?? ""
    try copyOut(name, buffer, capacity, length, "dataset_name")
  }
}

@c @implementation
public func scrl_dataset_write_coco(
  _ dataset: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let path = try text(path, "dataset_write_coco: path")
    let reader = try ScrlCAPI.dataset(dataset).reader
    try writeCoco(reader, to: path, libraryVersion: libraryVersion)
  }
}
