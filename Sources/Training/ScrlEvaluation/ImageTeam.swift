// Pictures of a dataset, decoded by several threads, each with tools of its own. What a thread does
// with a picture depends on the picture alone, so the number of threads never shows in a result.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore

/// How an evaluation reads its images.
struct ImageReading: Sendable {
  let operation: String  // "evaluate_linear", for notes and errors
  var size: Int?  // S, side of a view in pixels; nil: the model's
  var seed: UInt64 = 0
  var threads: Int?  // nil: as many as compute
}

final class ImageTeam<Tool> {
  private let dataset: DatasetReader
  private let operation: String
  private let members: [(decoder: PictureDecoder, tool: Tool)]
  private(set) var unreadable: Set<Int> = []

  init(
    _ dataset: DatasetReader, threads: Int, operation: String,
    makeTool: () throws(ScrlError) -> Tool
  ) throws(ScrlError) {
    self.dataset = dataset
    self.operation = operation
    var members: [(decoder: PictureDecoder, tool: Tool)] = []
    for _ in 0..<max(threads, 1) {
      members.append((try PictureDecoder(dataset), try makeTool()))
    }
    self.members = members
  }

  /// Hands every sample's picture to body(tool, picture, place); bodies run side by side.
  /// - Returns: the places whose picture could be had and whose body threw nothing, ascending.
  func forEach(
    _ samples: [Int], _ body: (Tool, RGBImage, Int) throws(ScrlError) -> Void
  ) -> [Int] {
    var failures = [ScrlError?](repeating: nil, count: samples.count)
    let members = self.members
    failures.withUnsafeMutableBufferPointer { failures in
      nonisolated(unsafe) let failures = failures
      Workers(members.count).run(members.count) { thread in
        let member = members[thread]
        for place in stride(from: thread, to: samples.count, by: members.count) {
          do throws(ScrlError) {
            try member.decoder.decode(samples[place])
            try body(member.tool, member.decoder.image, place)
          } catch {
            failures[place] = error
          }
        }
      }
    }
    for (place, failure) in failures.enumerated() {
      // Said once, not in every epoch.
      guard let failure, unreadable.insert(samples[place]).inserted else { continue }
      Log.shared.note("\(operation): image \(samples[place]) left out: \(failure)")
    }
    return samples.indices.filter { failures[$0] == nil }
  }
}

/// One thread's bytes, decoder and picture.
private final class PictureDecoder {
  private let dataset: DatasetReader
  private let codec: JPEGCodec
  private var bytes: [UInt8] = []
  private(set) var image = RGBImage()

  init(_ dataset: DatasetReader) throws(ScrlError) {
    self.dataset = dataset
    codec = try JPEGCodec()
  }

  func decode(_ index: Int) throws(ScrlError) {
    try dataset.readJPEG(index, into: &bytes)
    try bytes.decode(with: codec, into: &image)
  }
}

/// At most `limit` of 0..<count, drawn by the seed, ascending; nil: all.
func drawn(_ count: Int, limit: Int?, seed: UInt64) -> [Int] {
  guard let limit, limit < count else { return Array(0..<count) }
  let order = Permutation(count: count, seed: seed, epoch: 1)
  return (0..<limit).map { order[$0] }.sorted()
}
