// What one call needs to turn a sample into a picture and views: decoder, bytes, pixels, maker.
// Fresh megabytes cost a page fault for each 4096 bytes, a third of the time that two views take;
// so a dataset's handle keeps what its calls have used, as many as ran side by side.

import ScrlBase
import ScrlImage
import ScrlPretraining
import ScrlStore

final class Darkroom {
  private let codec: JPEGCodec
  private var maker: ViewMaker?
  private var bytes: [UInt8] = []
  private(set) var image = RGBImage()

  init() throws(ScrlError) { codec = try JPEGCodec() }

  func decode(_ index: Int, of reader: DatasetReader) throws(ScrlError) {
    try reader.readJPEG(index, into: &bytes)
    try bytes.decode(with: codec, into: &image)
  }

  /// The maker of the call before, when the config asks for the same views.
  func maker(for config: Config) -> ViewMaker {
    let (options, boxes) = (config.viewOptions, config.boxOptions)
    let seed = UInt64(config.seed)
    if let maker, maker.makesViews(of: options, boxes, seed: seed) { return maker }
    let fresh = ViewMaker(options: options, boxes: boxes, seed: seed)
    maker = fresh
    return fresh
  }

  /// A rare huge picture must not stay in memory for the life of the handle.
  var isWorthKeeping: Bool { image.pixels.capacity + bytes.capacity <= 1 << 26 }
}

/// The idle darkrooms of one handle; each is used by one call at a time.
final class Darkrooms: @unchecked Sendable {
  private let lock = RecursiveLock()
  private var idle: [Darkroom] = []

  func with<Result>(
    _ body: (Darkroom) throws(ScrlError) -> Result
  ) throws(ScrlError) -> Result {
    let used = lock.locked { idle.popLast() }
    let darkroom = if let used { used } else { try Darkroom() }
    defer {
      if darkroom.isWorthKeeping { lock.locked { idle.append(darkroom) } }
    }
    return try body(darkroom)
  }
}
