import Foundation
import ScrlBase
import Testing

@testable import ScrlStore

@Suite("Checkpoint files")
struct CheckpointTests {
  @Test("What is written is read back")
  func roundTrip() throws {
    let scratch = try Scratch()
    try writeCheckpoint(scratch("c.h5"))
    #expect(scratch.names == ["c.h5"])
    let reader = try CheckpointReader(path: scratch("c.h5"))
    try reader.verify()
    #expect(reader.libraryVersion == "0.0-test")
    let model = try reader.floats(under: "/model")
    #expect(
      model.map(\.name) == [
        "online/encoder/bn1/num_batches_tracked", "online/encoder/conv1/weight",
        "online/encoder/layer1/0/conv1/weight", "predictor/fc1/bias",
      ])
    for (name, shape) in checkpointShapes {
      var floats = [Float](repeating: 0, count: shape.reduce(1, *))
      try floats.withUnsafeMutableBufferPointer { try reader.read(name, shape: shape, into: $0) }
      #expect(floats == values(floats.count))
      #expect(try reader.shape(name) == shape)
    }
    #expect(try reader.integer("/training/step") == 12)
    #expect(try reader.real("/training/loss") == 0.1)
    #expect(try reader.text("/training/method") == "scrl")
    #expect(try reader.text("/training/config") == "seed=1\nmodel.arch=resnet18\n")
    let table = try reader.table("/metrics/steps")
    #expect(table.columns == ["step", "loss"])
    #expect(table.rows == [[1, 7.5], [2, 7.25]])
    #expect(reader.has("/metrics") && reader.has("/training/step") && !reader.has("/nothing"))
  }

  @Test("The same state gives the same bytes")
  func reproducible() throws {
    let scratch = try Scratch()
    try writeCheckpoint(scratch("a.h5"))
    Thread.sleep(forTimeInterval: 1.1)  // past any time stamp of whole seconds
    try writeCheckpoint(scratch("b.h5"))
    #expect(try scratch.bytes("a.h5") == scratch.bytes("b.h5"))
  }

  @Test(
    "Reals and integers keep every bit",
    arguments: [0.1, -0.0, .infinity, .nan, .leastNonzeroMagnitude])
  func scalars(value: Double) throws {
    let scratch = try Scratch()
    let writer = try CheckpointWriter(path: scratch("c.h5"), libraryVersion: "t")
    try writer.write("/training/real", real: value)
    try writer.write("/training/low", integer: .min)
    try writer.write("/training/high", integer: .max)
    try writer.finish()
    let reader = try CheckpointReader(path: scratch("c.h5"))
    #expect(try reader.real("/training/real").bitPattern == value.bitPattern)
    #expect(try reader.integer("/training/low") == .min)
    #expect(try reader.integer("/training/high") == .max)
  }

  @Test("A missing or unfit entry is an error that names it")
  func unfit() throws {
    let scratch = try Scratch()
    try writeCheckpoint(scratch("c.h5"))
    let reader = try CheckpointReader(path: scratch("c.h5"))
    var floats = [Float](repeating: 0, count: 6)
    func code(_ name: String, _ shape: [Int]?) -> ScrlError.Code? {
      floats.withUnsafeMutableBufferPointer { buffer in
        do throws(ScrlError) {
          try reader.read(name, shape: shape, into: buffer)
          return nil
        } catch {
          #expect(error.message.contains(name))
          return error.code
        }
      }
    }
    #expect(code("/model/predictor/fc1/bias", nil) == .shape)
    #expect(code("/model/predictor/fc1/bias", [6]) == .shape)
    #expect(code("/model/nothing", nil) == .format)
    #expect(code("/metrics/steps", nil) == .format)
    #expect(throws: ScrlError.self) { try reader.integer("/training/loss") }
    #expect(throws: ScrlError.self) { try reader.text("/training/nothing") }
  }

  @Test("Names that collide or cannot be are refused")
  func badNames() throws {
    let scratch = try Scratch()
    let writer = try CheckpointWriter(path: scratch("c.h5"), libraryVersion: "t")
    func write(_ name: String, _ shape: [Int] = [1]) throws {
      try [Float](repeating: 0, count: 1).withUnsafeBufferPointer {
        try writer.write(name, shape: shape, $0)
      }
    }
    try write("/a/b")
    for name in ["/a/b", "/a", "/a/b/c", "", "/", "a", "/a//b", "/a/../b", "/a/."] {
      #expect(throws: ScrlError.self) { try write(name) }
    }
    for shape in [[2], [-1], [Int.max, Int.max], [0]] {
      #expect(throws: ScrlError.self) { try write("/shape", shape) }
    }
    try writer.finish()
    #expect(try CheckpointReader(path: scratch("c.h5")).floats(under: "/").map(\.name) == ["a/b"])
  }

  @Test("Weight names and paths are each other's inverse")
  func names() {
    let name = "online.encoder.layer1.0.conv1.weight"
    let path = CheckpointFormat.path(group: "/model", weight: name)
    #expect(path == "/model/online/encoder/layer1/0/conv1/weight")
    #expect(CheckpointFormat.weightName(path: String(path.dropFirst("/model/".count))) == name)
  }

  @Test("Groups of many members and long attributes survive")
  func many() throws {
    let scratch = try Scratch()
    let writer = try CheckpointWriter(path: scratch("c.h5"), libraryVersion: "t")
    for index in 0..<300 {
      try [Float(index)].withUnsafeBufferPointer {
        try writer.write("/model/w\(index)", shape: [1], $0)
      }
    }
    for index in 0..<60 { try writer.write("/training/k\(index)", integer: Int64(index)) }
    try writer.finish()
    let reader = try CheckpointReader(path: scratch("c.h5"))
    try reader.verify()
    #expect(try reader.floats(under: "/model").count == 300)
    #expect(try reader.integer("/training/k59") == 59)
  }
}

@Suite("Checkpoint folders")
struct CheckpointFolderTests {
  private func save(_ scratch: Scratch, _ step: Int) throws {
    try writeCheckpoint(scratch(CheckpointFolder.name(step: step)), step: Int64(step))
  }

  @Test("After every save checkpoint.h5 is the newest, and the last N stay")
  func saving() throws {
    let scratch = try Scratch()
    for step in [5, 90, 100, 2000] {
      try save(scratch, step)
      try CheckpointFolder.publish(folder: scratch.path, step: step)
      try CheckpointFolder.prune(folder: scratch.path, keep: 2)
      let newest = try CheckpointReader(path: scratch("checkpoint.h5"))
      #expect(try newest.integer("/training/step") == Int64(step))
    }
    try CheckpointFolder.publish(folder: scratch.path, step: 2000)
    #expect(
      scratch.names == ["checkpoint-00000100.h5", "checkpoint-00002000.h5", "checkpoint.h5"])
    try CheckpointFolder.prune(folder: scratch.path, keep: 0)
    let found = try CheckpointFolder.newestWhole(scratch.path)
    #expect(try found.reader.integer("/training/step") == 2000)
  }

  @Test("The newest whole checkpoint is taken, and what was passed over is said")
  func damaged() throws {
    let scratch = try Scratch()
    for step in [10, 20, 30] { try save(scratch, step) }
    try CheckpointFolder.publish(folder: scratch.path, step: 20)
    // 30 was never published: it is still the newest.
    #expect(try step(of: scratch) == 30)
    let whole = try scratch.bytes("checkpoint-00000030.h5")
    try scratch.write("checkpoint-00000030.h5", Array(whole.dropLast(whole.count / 2)))
    #expect(try step(of: scratch) == 20)
    // A hard link shares the damage: both names of 20 are passed over.
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch("checkpoint.h5")))
    try handle.truncate(atOffset: 900)
    try handle.close()
    let found = try CheckpointFolder.newestWhole(scratch.path)
    #expect(try found.reader.integer("/training/step") == 10)
    #expect(found.skipped.count == 3)
    try FileManager.default.removeItem(atPath: scratch("checkpoint-00000010.h5"))
    let error = #expect(throws: ScrlError.self) {
      _ = try CheckpointFolder.newestWhole(scratch.path)
    }
    #expect(error?.code == .format)
  }

  private func step(of scratch: Scratch) throws -> Int64 {
    try CheckpointFolder.newestWhole(scratch.path).reader.integer("/training/step")
  }

  @Test("A file, an empty folder and nothing at all each get their answer")
  func paths() throws {
    let scratch = try Scratch()
    for path in [scratch.path, scratch("missing"), ""] {
      let error = #expect(throws: ScrlError.self) { _ = try CheckpointFolder.newestWhole(path) }
      #expect(error?.code == .io)
    }
    try save(scratch, 4)
    let path = scratch(CheckpointFolder.name(step: 4))
    #expect(try CheckpointFolder.newestWhole(path).reader.integer("/training/step") == 4)
    let error = #expect(throws: ScrlError.self) {
      try CheckpointFolder.publish(folder: scratch.path, step: 5)
    }
    #expect(error?.code == .io)
  }
}
