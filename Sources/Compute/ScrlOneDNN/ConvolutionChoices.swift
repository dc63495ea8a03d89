// Direct or Winograd: which algorithm computes a 3×3 convolution. Measured when a shape is met first,
// and kept as text in checkpoints: a resumed run computes as the run before, although a measurement
// could come out otherwise.
// Letters: N images, I input and O output channels, H×W cells of the input.

import CDNN
import ScrlBase
import ScrlKernels

package enum WinogradUse: Sendable {
  case never
  case whereFaster  // by a clear margin
  case always  // wherever oneDNN has a kernel; for tests
}

/// A pass over a shape, as far as the time that it takes depends on it.
struct ConvolutionCall: Hashable, CustomStringConvertible {
  fileprivate static let passes = ["forward", "backward_data", "backward_weights"]  // cdnn_kind

  let pass: String
  let extents: [Int]  // N, I, O, H, W
  let stride: Int
  let threads: Int

  init(_ kind: cdnn_kind, _ e: ConvolutionExtents, threads: Int) {
    pass = ConvolutionCall.passes[Int(kind.rawValue)]
    extents = [e.images, e.geometry.inputs, e.geometry.outputs, e.height, e.width]
    stride = e.geometry.stride
    self.threads = threads
  }

  /// What Winograd may take of direct's time and still be chosen. Two runs must choose alike on a
  /// busy machine too, so the limit lies far from what was measured: with 64 tiles of 4×4 cells
  /// and more it takes 0.4 to 0.75, with 32 about as long as direct, with fewer longer.
  var handicap: Double {
    let (height, width) = ((extents[3] - 1) / stride + 1, (extents[4] - 1) / stride + 1)
    return manyTiles(images: extents[0], height: height, width: width) ? 1.25 : 0.6
  }

  /// "forward 32x64x64x56x56 threads 2", "forward 32x64x128x56x56 stride 2 threads 2"
  var description: String {
    let strided = stride == 1 ? "" : " stride \(stride)"
    return "\(pass) \(extents.map(String.init).joined(separator: "x"))\(strided) threads \(threads)"
  }

  /// nil: not what `description` gives.
  fileprivate init?(_ text: Substring) {
    let words = text.split(separator: " ")
    guard words.count == 4 || words.count == 6, let threads = Int(words[words.count - 1]),
      let stride = words.count == 4 ? 1 : Int(words[3])
    else { return nil }
    pass = String(words[0])
    extents = words[1].split(separator: "x").compactMap { Int($0) }
    (self.stride, self.threads) = (stride, threads)
    guard ConvolutionCall.passes.contains(pass), extents.count == 5,
      extents.allSatisfy({ $0 > 0 }), stride == 1 || stride == 2, threads > 0, description == text
    else { return nil }
  }
}

/// Enough in outputs H×W for Winograd's products, which have a row for each.
func manyTiles(images: Int, height: Int, width: Int) -> Bool {
  images * ((height + 3) / 4) * ((width + 3) / 4) >= 48
}

/// What an engine and its copies have chosen so far. For any thread.
final class ConvolutionChoices: @unchecked Sendable {
  /// Of this process: its engines choose alike, and measure a shape once.
  private static let measured = ConvolutionChoices()
  private static let measuring = RecursiveLock()  // side by side they would disturb each other

  /// A network has some thirty; more come from images of many sizes and stay direct.
  static let capacity = 1024

  private let lock = RecursiveLock()
  private var winograd: [ConvolutionCall: Bool] = [:]

  /// nil: not chosen yet.
  subscript(_ call: ConvolutionCall) -> Bool? { lock.locked { winograd[call] } }

  var isFull: Bool { lock.locked { winograd.count >= ConvolutionChoices.capacity } }

  /// True for Winograd. `measure` is asked once per process.
  func choose(
    _ call: ConvolutionCall, measure: () throws(ScrlError) -> Bool
  ) throws(ScrlError) -> Bool {
    try ConvolutionChoices.measuring.locked { () throws(ScrlError) in
      if let known = self[call] { return known }
      let before = ConvolutionChoices.measured[call]
      let faster = if let before { before } else { try measure() }
      ConvolutionChoices.measured.note(call, faster)
      note(call, faster)
      return faster
    }
  }

  private func note(_ call: ConvolutionCall, _ isWinograd: Bool) {
    lock.locked { if !isFull { winograd[call] = isWinograd } }
  }

  /// Sorted lines, "forward 32x64x64x56x56 threads 2: winograd".
  var text: String {
    lock.locked { winograd }.map { "\($0): \($1 ? "winograd" : "direct")\n" }.sorted().joined()
  }

  /// Takes what `text` gave in place of all that was chosen; on an error nothing changes.
  func restore(_ text: String) throws(ScrlError) {
    var read: [ConvolutionCall: Bool] = [:]
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      guard let end = line.lastIndex(of: ":"), let call = ConvolutionCall(line[..<end]),
        let choice = [": direct": false, ": winograd": true][String(line[end...])]
      else {
        throw ScrlError(
          .format,
          "algorithms: got line '\(line.prefix(100))' · expected "
            + "'forward 32x64x64x56x56 threads 2: winograd' or the like")
      }
      guard read.updateValue(choice, forKey: call) == nil else {
        throw ScrlError(.format, "algorithms: got '\(call)' twice · expected it once")
      }
    }
    guard text.isEmpty || text.hasSuffix("\n"), read.count <= ConvolutionChoices.capacity else {
      throw ScrlError(
        .format,
        "algorithms: got \(read.count) lines in \(text.utf8.count) bytes · expected whole lines, "
          + "at most \(ConvolutionChoices.capacity)")
    }
    lock.locked { winograd = read }
  }
}
