import Foundation
import ScrlBase
import Testing

@testable import ScrlStore

@Suite("Dataset files")
struct DatasetTests {
  @Test("CRC-32C of the check string is RFC 3720's value, in any cut")
  func checksum() {
    let text = Array("123456789".utf8)
    #expect(CRC32C.of(text) == 0xE306_9283)
    #expect(CRC32C.of([UInt8]()) == 0)
    #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    for cut in 0...9 {
      var crc = CRC32C()
      Array(text[..<cut]).withUnsafeBytes { crc.update($0) }
      Array(text[cut...]).withUnsafeBytes { crc.update($0) }
      #expect(crc.value == 0xE306_9283)
    }
  }

  @Test("What is packed is read back", arguments: [0, 1, 7, 100])
  func roundTrip(count: Int) throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"), count: count)
    let reader = try DatasetReader(path: scratch("d.h5"))
    #expect(reader.count == count)
    #expect(reader.classes == ["Katze", "犬"])
    #expect(reader.hasLabels == (count > 0))
    var bytes: [UInt8] = []
    for index in (0..<count).reversed() {
      try reader.readJPEG(index, into: &bytes)
      #expect(bytes == sampleBytes(index))
      #expect(reader.byteCount(of: index) == bytes.count)
      #expect(reader.size(of: index) == (10 + index, 20 + index))
      #expect(reader.label(of: index) == sampleAnnotation(index).label)
      #expect(reader.boxes(of: index) == sampleAnnotation(index).boxes)
      #expect(reader.imageID(of: index) == sampleAnnotation(index).imageID)
      #expect(reader.name(of: index) == sampleAnnotation(index).name)
    }
    for index in [-1, count] {
      let error = #expect(throws: ScrlError.self) { try reader.readJPEG(index, into: &bytes) }
      #expect(error?.code == .argument)
    }
    #expect(scratch.names == ["d.h5"])
  }

  @Test("Without labels, classes and boxes, none are there")
  func bare() throws {
    let scratch = try Scratch()
    let writer = try DatasetWriter(path: scratch("d.h5"), libraryVersion: "t")
    try [UInt8](repeating: 7, count: 20 << 20).withUnsafeBytes {
      try writer.add(jpeg: $0, width: 1, height: 1)
    }
    try writer.finish()
    let reader = try DatasetReader(path: scratch("d.h5"))
    #expect(!reader.hasLabels && !reader.hasBoxes && reader.classes.isEmpty)
    #expect(reader.label(of: 0) == nil && reader.boxes(of: 0).isEmpty)
    #expect(reader.imageID(of: 0) == nil && reader.name(of: 0) == nil && reader.classIDs.isEmpty)
  }

  @Test("The fingerprint names the images, not the file or its labels")
  func fingerprint() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("a.h5"))
    try writeDataset(scratch("b.h5"))
    try writeDataset(scratch("c.h5"), count: 8)
    let print = { try DatasetReader(path: scratch($0)).fingerprint }
    #expect(try print("a.h5") == print("b.h5"))
    #expect(try print("a.h5") != print("c.h5"))
  }

  @Test("Threads read the same reader at once")
  func threads() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"), count: 50)
    let reader = try DatasetReader(path: scratch("d.h5"))
    let failures = LockedCount()
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<200 {
        let index = (round * 7 + thread * 13) % 50
        var bytes: [UInt8] = []
        let read: Void? = try? reader.readJPEG(index, into: &bytes)
        if read == nil || bytes != sampleBytes(index) { failures.increment() }
        if round % 50 == 0, (try? DatasetReader(path: reader.path)) == nil { failures.increment() }
      }
    }
    #expect(failures.value == 0)
  }

  @Test("A writer that is let go leaves nothing")
  func abandoned() throws {
    let scratch = try Scratch()
    do {
      let writer = try DatasetWriter(path: scratch("d.h5"), libraryVersion: "t")
      try add(3, to: writer)
      #expect(scratch.names.isEmpty)
    }
    #expect(scratch.names.isEmpty)
  }

  @Test("A failed finish leaves the earlier file of that name as it was")
  func failedFinish() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"))
    let before = try scratch.bytes("d.h5")
    let writer = try ContainerWriter(path: scratch("d.h5"), replacing: .dataset)
    try writer.add("/x", .uint8, shape: [3], bytes: [1, 2, 3])
    writer.setAttribute("/nowhere", "a", .integer(1))
    let error = #expect(throws: ScrlError.self) { try writer.finish() }
    #expect(error?.message.contains("/nowhere") == true)
    #expect(try scratch.bytes("d.h5") == before)
    #expect(scratch.names == ["d.h5"])
  }

  @Test("Leftovers of a crashed run do not matter")
  func leftovers() throws {
    let scratch = try Scratch()
    try scratch.write(".d.h5.1234.tmp", [1, 2, 3])
    try writeDataset(scratch("d.h5"))
    try writeDataset(scratch("d.h5"), count: 3)
    #expect(try DatasetReader(path: scratch("d.h5")).count == 3)
  }

  @Test("A finished writer says so")
  func finished() throws {
    let scratch = try Scratch()
    let writer = try DatasetWriter(path: scratch("d.h5"), libraryVersion: "t")
    try writer.finish()
    #expect(throws: ScrlError.self) { try writer.finish() }
    #expect(throws: ScrlError.self) { try add(0, to: writer) }
    #expect(try DatasetReader(path: scratch("d.h5")).count == 0)
  }

  @Test("Targets that cannot be are refused at once")
  func badTargets() throws {
    let scratch = try Scratch()
    try scratch.write("file", [1])
    for path in [
      "", scratch.path, scratch("missing/d.h5"), scratch("file/d.h5"), "a\0b", scratch("x/"),
    ] {
      let error = #expect(throws: ScrlError.self) {
        _ = try DatasetWriter(path: path, libraryVersion: "t")
      }
      #expect(error?.code == .io)
    }
  }

  @Test("Samples that cannot be used are refused, and the writer goes on")
  func badSamples() throws {
    let scratch = try Scratch()
    let writer = try DatasetWriter(path: scratch("d.h5"), classes: ["a"], libraryVersion: "t")
    func refused(_ width: Int, _ annotation: SampleAnnotation, bytes: [UInt8] = [1]) {
      let error = #expect(throws: ScrlError.self) {
        try bytes.withUnsafeBytes {
          try writer.add(jpeg: $0, width: width, height: 1, annotation: annotation)
        }
      }
      #expect(error?.code == .data)
    }
    func box(_ x1: Float, _ label: Int32 = 0, _ mask: String? = nil) -> SampleAnnotation {
      SampleAnnotation(
        boxes: [AnnotatedBox(x0: 1, y0: 1, x1: x1, y1: 2, label: label, mask: mask)])
    }
    refused(1, SampleAnnotation(), bytes: [])
    refused(0, SampleAnnotation())
    refused(65536, SampleAnnotation())
    refused(1, SampleAnnotation(label: -1))
    refused(1, SampleAnnotation(label: 1))
    refused(1, box(1))
    refused(1, box(.nan))
    refused(1, box(.infinity))
    refused(1, box(2, 7))
    refused(1, box(2, -2))
    refused(1, box(2, 0, "not rle\n"))
    refused(3, box(2, 0, "11"))  // 2 of 3 pixels
    refused(3, box(2, 0, "31"))  // 4 of 3 pixels
    let marks: [(Float?, BoxFlags)] = [
      (-1, []), (.infinity, []), (.nan, []), (1, BoxFlags(rawValue: 4)),
    ]
    for (area, flags) in marks {
      let box = AnnotatedBox(
        x0: 0, y0: 0, x1: 1, y1: 1, label: 0, area: area, flags: flags)
      refused(1, SampleAnnotation(boxes: [box]))
    }
    refused(1, SampleAnnotation(imageID: -1))
    refused(1, SampleAnnotation(name: "a\0b"))
    refused(1, SampleAnnotation(name: String(repeating: "x", count: 4097)))
    #expect(writer.count == 0)
    #expect(try writer.addClass("b") == 1)
    #expect(try writer.addClass("a") == 0)
    #expect(throws: ScrlError.self) { _ = try writer.addClass("") }
    try add(0, to: writer)
    try writer.finish()
    #expect(try DatasetReader(path: scratch("d.h5")).classes == ["a", "b"])
  }

  @Test("Category ids belong to one class each")
  func categoryIDs() throws {
    let scratch = try Scratch()
    let writer = try DatasetWriter(path: scratch("d.h5"), classes: ["a", "b"], libraryVersion: "t")
    #expect(try writer.addClass("b", id: 18) == 1)
    #expect(try writer.addClass("b", id: 18) == 1)
    #expect(try writer.addClass("c", id: 3) == 2)
    for (name, id) in [("b", 19), ("d", 18), ("d", -1)] as [(String, Int32)] {
      let error = #expect(throws: ScrlError.self) { _ = try writer.addClass(name, id: id) }
      #expect(error?.code == .data)
    }
    try writer.finish()
    let reader = try DatasetReader(path: scratch("d.h5"))
    #expect(reader.classes == ["a", "b", "c"] && reader.classIDs == [-1, 18, 3])
  }

  @Test("A box needs no class")
  func withoutClass() throws {
    let scratch = try Scratch()
    let writer = try DatasetWriter(path: scratch("d.h5"), classes: ["a"], libraryVersion: "t")
    let boxes = [AnnotatedBox(x0: 0, y0: 0, x1: 1, y1: 1, label: -1)]
    try [UInt8(1)].withUnsafeBytes {
      try writer.add(
        jpeg: $0, width: 2, height: 2, annotation: SampleAnnotation(boxes: boxes))
    }
    try writer.finish()
    #expect(try DatasetReader(path: scratch("d.h5")).boxes(of: 0) == boxes)
  }
}

final class LockedCount: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  func increment() { lock.withLock { count += 1 } }
  var value: Int { lock.withLock { count } }
}
