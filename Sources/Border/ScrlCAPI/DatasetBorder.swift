// scrl_dataset_* and scrl_views_make. Reads do not take the handle's lock: they run side by side.

import CScrl
import Glibc
import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore

final class DatasetHandle: Handle, @unchecked Sendable {
  override class var kind: String { "dataset" }
  let reader: DatasetReader
  private let darkrooms = Darkrooms()
  init(_ reader: DatasetReader) { self.reader = reader }

  /// Hands over sample `index`, decoded, in tools that the call has for itself.
  func withDecoded(
    _ index: Int, _ body: (Darkroom) throws(ScrlError) -> Void
  ) throws(ScrlError) {
    try darkrooms.with { darkroom throws(ScrlError) in
      try darkroom.decode(index, of: reader)
      try body(darkroom)
    }
  }
}

func dataset(_ pointer: OpaquePointer?) throws(ScrlError) -> DatasetHandle {
  try Registry.shared.find(pointer, DatasetHandle.self)
}

func reader(
  _ pointer: OpaquePointer?, checking index: Int
) throws(ScrlError) -> DatasetReader {
  let reader = try dataset(pointer).reader
  try reader.checkIndex(index)
  return reader
}

@c @implementation
public func scrl_dataset_open(
  _ path: UnsafePointer<CChar>?, _ dataset: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(dataset, "dataset_open")
    let reader = try DatasetReader(path: try text(path, "dataset_open: path"))
    out.pointee = Registry.shared.add(DatasetHandle(reader))
  }
}

@c @implementation
public func scrl_dataset_count(
  _ dataset: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(count, "dataset_count")
    out.pointee = try ScrlCAPI.dataset(dataset).reader.count
  }
}

@c @implementation
public func scrl_dataset_size(
  _ dataset: OpaquePointer?, _ index: Int, _ height: UnsafeMutablePointer<Int>?,
  _ width: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let (h, w) = (try result(height, "dataset_size"), try result(width, "dataset_size"))
    (h.pointee, w.pointee) = try reader(dataset, checking: index).size(of: index)
  }
}

@c @implementation
public func scrl_dataset_read_rgb(
  _ dataset: OpaquePointer?, _ index: Int, _ pixels: UnsafeMutablePointer<UInt8>?,
  _ capacity: Int
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(pixels, "dataset_read_rgb")
    let size = try reader(dataset, checking: index).size(of: index)
    guard room(capacity) >= size.height * size.width * 3 else {
      throw ScrlError(
        .argument,
        "dataset_read_rgb: room for \(capacity) bytes · expected "
          + "\(size.height)·\(size.width)·3")
    }
    try ScrlCAPI.dataset(dataset).withDecoded(index) { darkroom throws(ScrlError) in
      let image = darkroom.image
      guard (image.height, image.width) == (size.height, size.width) else {
        throw ScrlError(.data, "dataset_read_rgb: image \(index) has another size than the index")
      }
      image.pixels.withUnsafeBufferPointer { source in
        if let base = source.baseAddress { out.update(from: base, count: source.count) }
      }
    }
  }
}

@c @implementation
public func scrl_dataset_read_jpeg(
  _ dataset: OpaquePointer?, _ index: Int, _ bytes: UnsafeMutablePointer<UInt8>?, _ capacity: Int,
  _ byte_count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let reader = try reader(dataset, checking: index)
    let target = try destination(
      bytes, capacity, for: reader.byteCount(of: index), told: byte_count,
      ("dataset_read_jpeg", "bytes"))
    guard let target else { return }
    var stream: [UInt8] = []
    try reader.readJPEG(index, into: &stream)
    stream.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { target.update(from: base, count: source.count) }
    }
  }
}

@c @implementation
public func scrl_dataset_label(
  _ dataset: OpaquePointer?, _ index: Int, _ label: UnsafeMutablePointer<Int32>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(label, "dataset_label")
    out.pointee = try reader(dataset, checking: index).label(of: index) ?? -1
  }
}

@c @implementation
public func scrl_dataset_boxes(
  _ dataset: OpaquePointer?, _ index: Int, _ boxes: UnsafeMutablePointer<Float>?,
  _ labels: UnsafeMutablePointer<Int32>?, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let known = try reader(dataset, checking: index).boxes(of: index)
    let target = try destination(
      boxes, capacity, for: known.count, told: count, ("dataset_boxes", "boxes"))
    guard let target else { return }
    for (place, box) in known.enumerated() {
      for (side, value) in [box.x0, box.y0, box.x1, box.y1].enumerated() {
        target[4 * place + side] = value
      }
      labels?[place] = box.label
    }
  }
}

@c @implementation
public func scrl_dataset_mask(
  _ dataset: OpaquePointer?, _ index: Int, _ box: Int, _ buffer: UnsafeMutablePointer<CChar>?,
  _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let known = try reader(dataset, checking: index).boxes(of: index)
    guard known.indices.contains(box) else {
      throw ScrlError(.argument, "dataset_mask: box \(box) · expected 0..<\(known.count)")
    }
    try copyOut(known[box].mask ?? "", buffer, capacity, length, "dataset_mask")
  }
}

@c @implementation
public func scrl_dataset_class_id(
  _ dataset: OpaquePointer?, _ id: Int, _ category_id: UnsafeMutablePointer<Int32>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(category_id, "dataset_class_id")
    let reader = try ScrlCAPI.dataset(dataset).reader
    guard reader.classes.indices.contains(id) else {
      throw ScrlError(
        .argument, "dataset_class_id: class \(id) · expected 0..<\(reader.classes.count)")
    }
    out.pointee = reader.classIDs.isEmpty ? -1 : reader.classIDs[id]
  }
}

@c @implementation
public func scrl_dataset_class_count(
  _ dataset: OpaquePointer?, _ count: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(count, "dataset_class_count")
    out.pointee = try ScrlCAPI.dataset(dataset).reader.classes.count
  }
}

@c @implementation
public func scrl_dataset_class_name(
  _ dataset: OpaquePointer?, _ id: Int, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(name, "dataset_class_name")
    let classes = try ScrlCAPI.dataset(dataset).reader.classes
    guard classes.indices.contains(id) else {
      throw ScrlError(.argument, "dataset_class_name: class \(id) · expected 0..<\(classes.count)")
    }
    out.pointee = eternal(classes[id])
  }
}

@c @implementation
public func scrl_dataset_free(_ dataset: OpaquePointer?) {
  Registry.shared.remove(dataset, DatasetHandle.self)
}

@c @implementation
public func scrl_views_make(
  _ dataset: OpaquePointer?, _ config: OpaquePointer?, _ epoch: Int, _ index: Int,
  _ pair: UnsafeMutablePointer<scrl_view_pair>?
) -> scrl_status {
  border { () throws(ScrlError) in
    var value = try readStruct(UnsafePointer(pair), "views_make")
    let chosen = try checkedConfig(config)
    _ = try reader(dataset, checking: index)
    guard let view1 = value.view1, let view2 = value.view2, let boxes1 = value.boxes1,
      let boxes2 = value.boxes2
    else { throw ScrlError(.argument, "views_make: a buffer is NULL") }
    guard (0...Int(Int32.max)).contains(epoch) else {
      throw ScrlError(.argument, "views_make: epoch \(epoch) · expected 0…\(Int32.max)")
    }
    try ScrlCAPI.dataset(dataset).withDecoded(index) { darkroom throws(ScrlError) in
      let made = try darkroom.maker(for: chosen).make(
        darkroom.image, epoch: epoch, sample: index, pixelLayout: .planar, into: view1, view2)
      for (place, (one, two)) in made.boxes.enumerated() {
        put(one, boxes1 + 4 * place)
        put(two, boxes2 + 4 * place)
      }
      value.box_count = made.boxes.count
      value.crop1 = made.view1.crop.quadruple
      value.crop2 = made.view2.crop.quadruple
      value.flip1 = made.view1.flipped ? 1 : 0
      value.flip2 = made.view2.flipped ? 1 : 0
    }
    try writeStruct(value, to: pair, "views_make")
  }
}

private func put(_ box: PixelBox, _ target: UnsafeMutablePointer<Float>) {
  (target[0], target[1], target[2], target[3]) = (box.x0, box.y0, box.x1, box.y1)
}

extension Crop {
  fileprivate var quadruple: (Int32, Int32, Int32, Int32) {
    (Int32(y), Int32(x), Int32(height), Int32(width))
  }
}
