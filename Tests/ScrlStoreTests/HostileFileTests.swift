// Files that are not what they say: an error or the right content, never a trap.

import CHDF5
import Foundation
import ScrlBase
import Testing

@testable import ScrlStore

@Suite("Hostile files")
struct HostileFileTests {
  @Test("What is no HDF5 file is refused by both readers")
  func foreign() throws {
    let scratch = try Scratch()
    try scratch.write("empty", [])
    try scratch.write("text", Array("hello, this is a text of some length\n".utf8))
    try scratch.write("signature", [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A])
    mkfifo(scratch("pipe"), 0o600)
    let expected: [String: ScrlError.Code] = [
      "empty": .format, "text": .format, "signature": .format, "missing": .io, "pipe": .io,
      ".": .io,
    ]
    for (name, code) in expected {
      #expect(failure(readAllOfDataset(scratch(name)))?.code == code)
      #expect(failure(readAllOfCheckpoint(scratch(name)))?.code == code)
    }
  }

  @Test("A dataset is no checkpoint, and a foreign HDF5 file is neither")
  func otherFormats() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"))
    try writeCheckpoint(scratch("c.h5"))
    try build(scratch("f.h5")) { _ in }
    #expect(failure(readAllOfDataset(scratch("c.h5")))?.message.contains("checkpoint") == true)
    #expect(failure(readAllOfCheckpoint(scratch("d.h5")))?.message.contains("dataset") == true)
    #expect(failure(readAllOfDataset(scratch("f.h5")))?.code == .format)
    #expect(failure(readAllOfCheckpoint(scratch("f.h5")))?.code == .format)
  }

  @Test("An unknown version is refused by its number", arguments: [Int32(0), 2, 99, -1])
  func versions(version: Int32) throws {
    let scratch = try Scratch()
    try build(scratch("d.h5"), version: version) { _ in }
    let error = try #require(failure(readAllOfDataset(scratch("d.h5"))))
    #expect(error.code == .format)
    #expect(error.message.contains("version \(version)"))
  }

  @Test("A cut file of any length is an error")
  func truncated() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"))
    try writeCheckpoint(scratch("c.h5"))
    let dataset = try scratch.bytes("d.h5")
    let checkpoint = try scratch.bytes("c.h5")
    for step in 0..<150 {
      let (one, two) = (dataset.count * step / 150, checkpoint.count * step / 150)
      try scratch.write("d.h5", Array(dataset.prefix(one)))
      let wanted: ScrlError.Code? = one == end(dataset) ? nil : .format  // only the seal is gone
      #expect(failure(readAllOfDataset(scratch("d.h5")))?.code == wanted)
      try scratch.write("c.h5", Array(checkpoint.prefix(two)))
      let other: ScrlError.Code? = two == end(checkpoint) ? nil : .format
      #expect(failure(readAllOfCheckpoint(scratch("c.h5")))?.code == other)
    }
  }

  @Test("Flipped bytes are an error or change nothing", arguments: [1, 3, 40])
  func flipped(flips: Int) throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"))
    try writeCheckpoint(scratch("c.h5"))
    let dataset = try scratch.bytes("d.h5")
    let checkpoint = try scratch.bytes("c.h5")
    let images = try readAllOfDataset(scratch("d.h5")).get()
    let weights = try readAllOfCheckpoint(scratch("c.h5")).get()
    for seed in 0..<250 {
      var random = RandomStream(seed: UInt64(seed), sample: flips, use: .test)
      // Half of the seeds damage the structure in front, where HDF5 itself reads.
      try scratch.write("d.h5", damaged(dataset, flips, seed % 2 == 0 ? 3000 : .max, &random))
      if case .success(let read) = readAllOfDataset(scratch("d.h5")) { #expect(read == images) }
      try scratch.write("c.h5", damaged(checkpoint, flips, seed % 2 == 0 ? 3000 : .max, &random))
      if case .success(let read) = readAllOfCheckpoint(scratch("c.h5")) {
        #expect(read == weights)
      }
    }
  }

  @Test("Without its seal a sound file is read; with half of it, it is not")
  func seal() throws {
    let scratch = try Scratch()
    try writeCheckpoint(scratch("c.h5"))
    let whole = try scratch.bytes("c.h5")
    #expect(end(whole) < whole.count)
    try scratch.write("c.h5", Array(whole.prefix(end(whole))))
    #expect(failure(readAllOfCheckpoint(scratch("c.h5"))) == nil)
    for cut in [1, 16, 32] {
      try scratch.write("c.h5", Array(whole.dropLast(cut)))
      #expect(failure(readAllOfCheckpoint(scratch("c.h5")))?.message.contains("seal") == true)
    }
  }

  /// The superblock's end-of-file address: there HDF5's part ends and the seal begins.
  private func end(_ bytes: [UInt8]) -> Int {
    Int(bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 28, as: UInt64.self) })
  }

  private func damaged(
    _ bytes: [UInt8], _ flips: Int, _ limit: Int, _ random: inout RandomStream
  ) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<flips {
      let position = random.integer(in: 0..<min(limit, bytes.count))
      bytes[position] ^= UInt8(random.integer(in: 1..<256))
    }
    return bytes
  }

  @Test("A dataset cut after opening is a data error")
  func cutWhileOpen() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"))
    let reader = try DatasetReader(path: scratch("d.h5"))
    #expect(truncate(scratch("d.h5"), 600) == 0)
    var bytes: [UInt8] = []
    let error = #expect(throws: ScrlError.self) { try reader.readJPEG(6, into: &bytes) }
    #expect(error?.code == .data)
  }

  @Test("A damaged sample is named and the others stay readable")
  func damagedSample() throws {
    let scratch = try Scratch()
    try writeDataset(scratch("d.h5"))
    var bytes = try scratch.bytes("d.h5")
    let sample = Data(sampleBytes(4))
    let place = try #require(Data(bytes).range(of: sample))
    bytes[place.lowerBound + 5] ^= 1
    try scratch.write("d.h5", bytes)
    let reader = try DatasetReader(path: scratch("d.h5"))
    var read: [UInt8] = []
    let error = #expect(throws: ScrlError.self) { try reader.readJPEG(4, into: &read) }
    #expect(error?.code == .data && error?.message.contains("sample 4") == true)
    try reader.readJPEG(5, into: &read)
    #expect(read == sampleBytes(5))
  }

  /// Each case replaces one part of a sound index of two images and one box.
  @Test("An index that contradicts itself is refused", arguments: Array(badParts.keys).sorted())
  func badIndex(name: String) throws {
    let scratch = try Scratch()
    var parts = soundParts
    try build(scratch("good.h5")) { try add(parts, to: $0) }
    #expect(failure(readAllOfDataset(scratch("good.h5"))) == nil)
    for (path, part) in badParts[name] ?? [:] { parts[path] = part }
    try build(scratch("bad.h5")) { try add(parts.filter { !$0.value.isMissing }, to: $0) }
    let error = try #require(failure(readAllOfDataset(scratch("bad.h5"))))
    #expect(error.code == .format)
  }

  @Test("A foreign file's boxes without a finite area are not exported")
  func export() throws {
    let scratch = try Scratch()
    let far = Float.greatestFiniteMagnitude
    for corners in [[1, 0, 0, 1], [0, 1, 1, 1], [-far, -far, far, far]] as [[Float]] {
      var parts = soundParts
      parts["/boxes/coordinates"] = .floats(corners, [1, 4])
      for name in ["/masks/offset", "/masks/counts", "/boxes/area"] { parts[name] = nil }
      try build(scratch("d.h5")) { try add(parts, to: $0) }
      let reader = try DatasetReader(path: scratch("d.h5"))
      let error = #expect(throws: ScrlError.self) {
        try writeCoco(reader, to: scratch("a.json"), libraryVersion: "t")
      }
      #expect(error?.code == .data && scratch.names == ["d.h5"])
    }
  }

  @Test(
    "Chunked, compressed, compact, external and variable-length data is refused",
    arguments: ["chunked", "compressed", "compact", "external", "vlen", "late", "link"])
  func layouts(kind: String) throws {
    let scratch = try Scratch()
    var parts = soundParts
    parts["/images/bytes"] = nil
    try build(scratch("d.h5")) { try add(parts, to: $0) }
    try scratch.write("outside", [UInt8](repeating: 0, count: 100))
    try HDF5Library.exclusively { () throws(ScrlError) in
      try addUnusualBytes(kind, to: scratch("d.h5"), outside: scratch("outside"))
    }
    let error = try #require(failure(readAllOfDataset(scratch("d.h5"))))
    #expect(error.code == .format && error.message.contains("/images/bytes"))
  }

  @Test("Groups that contain themselves come to an end")
  func cycles() throws {
    let scratch = try Scratch()
    try build(scratch("d.h5")) { try add(soundParts, to: $0) }
    try HDF5Library.exclusively { () throws(ScrlError) in
      let file = try HDF5Handle(
        H5Fopen(scratch("d.h5"), 1, chdf5_default()), .io, "open")
      try checkHDF5(
        H5Lcreate_hard(file.id, "/", file.id, "/images/again", chdf5_default(), chdf5_default()),
        .io, "link")
    }
    #expect(failure(readAllOfDataset(scratch("d.h5")))?.code == .format)
  }
}

private func failure<Success>(_ result: Result<Success, ScrlError>) -> ScrlError? {
  if case .failure(let error) = result { return error }
  return nil
}

private func build(
  _ path: String, version: Int32 = 1, _ fill: (ContainerWriter) throws -> Void
) throws {
  let writer = try ContainerWriter(path: path, replacing: .dataset)
  writer.setAttribute("/", "format", .text(path.hasSuffix("f.h5") ? "other" : "libscrl dataset"))
  writer.setAttribute("/", "format_version", .int32(version))
  try fill(writer)
  try writer.finish()
}

private func addUnusualBytes(_ kind: String, to path: String, outside: String) throws(ScrlError) {
  let file = try HDF5Handle(H5Fopen(path, 1, chdf5_default()), .io, "open")
  if kind == "link" {
    return try checkHDF5(
      H5Lcreate_soft(
        "/images/offset", file.id, "/images/bytes", chdf5_default(), chdf5_default()), .io, "link")
  }
  let look = try HDF5Handle(H5Pcreate(chdf5_dataset_create()), .internal, "look")
  var dims: [hsize_t] = [10]
  switch kind {
  case "chunked": H5Pset_chunk(look.id, 1, &dims)
  case "compressed":
    H5Pset_chunk(look.id, 1, &dims)
    H5Pset_deflate(look.id, 6)
  case "compact": H5Pset_layout(look.id, H5D_COMPACT)
  case "external": H5Pset_external(look.id, outside, 0, 10)
  default: break
  }
  let space = try HDF5Handle(H5Screate_simple(1, &dims, nil), .internal, "space")
  let text = try HDF5Handle(H5Tcopy(chdf5_c_string()), .internal, "type")
  H5Tset_size(text.id, Int(bitPattern: UInt.max))  // H5T_VARIABLE
  let type = kind == "vlen" ? text.id : chdf5_stored_uint8()
  // "late": contiguous, but never written, so that it has no place in the file.
  _ = try HDF5Handle(
    H5Dcreate2(
      file.id, "/images/bytes", type, space.id, chdf5_default(), look.id, chdf5_default()),
    .io, "create")
}
