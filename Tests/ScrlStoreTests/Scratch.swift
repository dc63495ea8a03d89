// A folder of one test's own, removed with it, and small things to store.

import Foundation
import ScrlBase
import ScrlImage

@testable import ScrlStore

final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "scrl-store-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  var names: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
  }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: self(name))))
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
  }
}

/// Bytes that stand for a JPEG stream: storage does not look inside.
func sampleBytes(_ index: Int) -> [UInt8] {
  (0..<(40 + index * 7)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index &* 17) }
}

func sampleAnnotation(_ index: Int) -> SampleAnnotation {
  var boxes: [AnnotatedBox] = []
  for number in 0..<index % 3 {
    var box = AnnotatedBox(
      x0: Float(number), y0: 1.5, x1: Float(number) + 8.25, y1: 9, label: Int32(number))
    if number == 0 { box.mask = sampleMask(index)?.compressed }
    if number == 1 { box.area = 7.25 }
    if index % 2 == 1 { box.flags = number == 0 ? .crowd : .difficult }
    boxes.append(box)
  }
  return SampleAnnotation(
    label: index % 4 == 3 ? nil : Int32(index % 2), boxes: boxes,
    imageID: index % 3 == 0 ? nil : Int64(index) << 33,
    name: index % 3 == 2 ? nil : "Ordner/\(index) ☃.jpg")
}

/// A mask of the size of sample `index`.
func sampleMask(_ index: Int) -> RunLengths? {
  let (height, width) = (10 + index, 20 + index)
  return try? RunLengths(
    uncompressed: [5 + index, 9, height * width - 14 - index], height: height, width: width)
}

func writeDataset(_ path: String, count: Int = 7) throws {
  let writer = try DatasetWriter(path: path, classes: ["Katze", "犬"], libraryVersion: "0.0-test")
  for index in 0..<count { try add(index, to: writer) }
  try writer.finish()
}

func add(_ index: Int, to writer: DatasetWriter) throws {
  try sampleBytes(index).withUnsafeBytes {
    try writer.add(
      jpeg: $0, width: 20 + index, height: 10 + index, annotation: sampleAnnotation(index))
  }
}

func values(_ count: Int, _ offset: Float = 0) -> [Float] {
  (0..<count).map { Float($0) * 0.5 - 3 + offset }
}

func writeCheckpoint(_ path: String, step: Int64 = 12) throws {
  let writer = try CheckpointWriter(path: path, libraryVersion: "0.0-test")
  for (name, shape) in checkpointShapes {
    try values(shape.reduce(1, *)).withUnsafeBufferPointer {
      try writer.write(name, shape: shape, $0)
    }
  }
  try writer.write("/training/step", integer: step)
  try writer.write("/training/loss", real: 0.1)
  try writer.write("/training/method", attribute: "scrl")
  try writer.write("/training/config", text: "seed=1\nmodel.arch=resnet18\n")
  try writer.writeTable(
    "/metrics/steps", columns: ["step", "loss"], rows: [[1, 7.5], [2, 7.25]])
  try writer.finish()
}

let checkpointShapes: [(String, [Int])] = [
  ("/model/online/encoder/conv1/weight", [4, 3, 7, 7]),
  ("/model/online/encoder/layer1/0/conv1/weight", [8, 4]),
  ("/model/online/encoder/bn1/num_batches_tracked", []),
  ("/model/predictor/fc1/bias", [5]),
  ("/optimizer/momentum/predictor/fc1/bias", [5]),
]

/// Opens and reads everything; the error, or nil and what was read.
func readAllOfDataset(_ path: String) -> Result<[[UInt8]], ScrlError> {
  Result { () throws(ScrlError) in
    let reader = try DatasetReader(path: path)
    var all: [[UInt8]] = []
    for index in 0..<reader.count {
      var bytes: [UInt8] = []
      try reader.readJPEG(index, into: &bytes)
      _ = (reader.size(of: index), reader.label(of: index), reader.boxes(of: index))
      all.append(bytes)
    }
    return all
  }
}

func readAllOfCheckpoint(_ path: String) -> Result<[[Float]], ScrlError> {
  Result { () throws(ScrlError) in
    let reader = try CheckpointReader(path: path)
    try reader.verify()
    var all: [[Float]] = []
    for group in ["/model", "/optimizer"] {
      for (name, shape) in try reader.floats(under: group) {
        var floats = [Float](repeating: 0, count: shape.reduce(1, *))
        let result = floats.withUnsafeMutableBufferPointer { buffer in
          Result { () throws(ScrlError) in
            try reader.read(group + "/" + name, shape: shape, into: buffer)
          }
        }
        try result.get()
        all.append(floats)
      }
    }
    _ = try reader.table("/metrics/steps")
    _ = try (reader.text("/training/config"), reader.integer("/training/step"))
    return all
  }
}
