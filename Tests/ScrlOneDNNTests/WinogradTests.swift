// Winograd's convolutions: how exact they are, and who decides where they are taken.

import CDNN
import ScrlBase
import ScrlKernels
import ScrlTensor
import TestSupport
import Testing

@testable import ScrlOneDNN

/// oneDNN's own on AVX-512, ours on AVX2.
private let has =
  oneDNNIsThere && (cdnn_channel_block() == 16 || instructionSet().hasPrefix("AVX"))

private func layer(
  _ inputs: Int, _ outputs: Int, _ side: Int, images: Int, stride: Int = 1
) -> Layer {
  Layer(inputs: inputs, outputs: outputs, kernel: 3, stride: stride, side: side, images: images)
}

// ResNet-50's, with as many images as a test can wait for.
private let resnet = [
  layer(64, 64, 56, images: 2), layer(128, 128, 28, images: 4), layer(256, 256, 14, images: 8),
  layer(512, 512, 7, images: 16),
]
private let odd = [
  layer(64, 64, 15, images: 3), layer(64, 128, 5, images: 1), layer(512, 64, 9, images: 1),
  layer(128, 256, 13, images: 2), layer(512, 512, 3, images: 2), layer(16, 32, 57, images: 1),
]
// Ours on AVX2 alone; ResNet-18's 64 → 128 too.
private let strided =
  cdnn_channel_block() == 16
  ? []
  : [
    layer(64, 128, 56, images: 2, stride: 2), layer(128, 128, 56, images: 2, stride: 2),
    layer(256, 256, 28, images: 4, stride: 2), layer(512, 512, 14, images: 8, stride: 2),
    layer(128, 64, 15, images: 3, stride: 2), layer(512, 256, 3, images: 2, stride: 2),
  ]

/// Relative L2 errors against float64, over some 400 values of each.
private struct Errors {
  let forward, input, weight: Double

  init(_ layer: Layer, _ use: WinogradUse) throws {
    let engine = try OneDNNEngine(workers: Workers(2), winograd: use)
    let r = try Results(layer, engine, relu: true)
    func error(_ got: [Float], _ exact: (Int) -> Double) -> Double {
      let some = Array(stride(from: 0, to: got.count, by: got.count / 397 + 1))
      var (error, norm) = (0.0, 0.0)
      for index in some {
        let want = exact(index)
        error += (Double(got[index]) - want) * (Double(got[index]) - want)
        norm += want * want
      }
      return (error / norm).squareRoot()
    }
    forward = error(r.y, r.exactOutput)
    input = error(r.dx, r.exactInputGradient)
    weight = error(r.dw, r.exactGradient)
  }

  var text: String {
    [forward, input, weight].map { "\(($0 * 1e9).rounded() / 1000)e-6" }.joined(separator: ", ")
  }
}

@Suite("Winograd's convolutions", .enabled(if: has))
struct WinogradTests {
  @Test(
    "round as six more passes and their amplification let them", arguments: resnet + odd + strided)
  func exact(_ layer: Layer) throws {
    let (direct, winograd) = (try Errors(layer, .never), try Errors(layer, .always))
    print("\(layer): forward, input, weight: direct \(direct.text); winograd \(winograd.text)")
    // With stride 2 the middle tap's gradient sums every output, 16 of a tile.
    let cells = layer.stride == 1 ? 4 : 1
    let row = ((layer.side - 1) / layer.stride + cells) / cells
    let sums = layer.images * row * row
    #expect(winograd.forward < winogradRounding(layer.inputs, stride: layer.stride))
    #expect(winograd.input < winogradRounding(layer.outputs, stride: layer.stride))
    #expect(winograd.weight < winogradRounding(sums, stride: layer.stride))
    #expect(winograd.forward != direct.forward, "there is such a kernel and it was taken")
  }

  @Test("give the same bytes on each run, with one thread and with two", arguments: [1, 2])
  func repeatable(threads: Int) throws {
    for layer in resnet + strided {
      let first = try Results(layer, try engine(.always, threads))
      let again = try Results(layer, try engine(.always, threads))
      #expect(again.y == first.y && again.dx == first.dx && again.dw == first.dw)
    }
  }
}

@Suite("Which algorithm", .enabled(if: has))
struct ConvolutionChoiceTests {
  private let shape = layer(64, 64, 12, images: 2)
  private let passes = ["backward_data", "backward_weights", "forward"]  // sorted

  private func choices(_ words: [String]) -> String {
    zip(passes, words).map { "\($0) 2x64x64x12x12 threads 1: \($1)\n" }.joined()
  }

  @Test("off never takes Winograd, whatever was restored, and chooses nothing")
  func off() throws {
    let (never, told) = (try engine(.never), try engine(.never))
    try told.restoreAlgorithms(choices(["winograd", "winograd", "winograd"]))
    let (a, b) = (try Results(shape, never), try Results(shape, told))
    #expect(a.y == b.y && a.dx == b.dx && a.dw == b.dw)
    #expect(never.algorithmChoices.isEmpty)
  }

  @Test("auto takes one or the other for each pass, says which, and keeps to it")
  func auto() throws {
    let engine = try engine(.whereFaster)
    let (direct, winograd) = (try Results(shape, try self.engine(.never)), try always())
    let first = try Results(shape, engine)
    let lines = engine.algorithmChoices.split(separator: "\n")
    #expect(lines.count == 3)
    for (line, pass) in zip(lines, passes) {
      #expect(line.hasPrefix("\(pass) 2x64x64x12x12 threads 1: "))
    }
    let isWinograd = lines.map { $0.hasSuffix(": winograd") }
    #expect(first.dx == (isWinograd[0] ? winograd.dx : direct.dx))
    #expect(first.dw == (isWinograd[1] ? winograd.dw : direct.dw))
    #expect(first.y == (isWinograd[2] ? winograd.y : direct.y))
    let copy = engine
    let again = try Results(shape, copy)
    #expect(again.y == first.y && again.dx == first.dx && again.dw == first.dw)
    #expect(try Results(shape, try self.engine(.whereFaster)).y == first.y, "another engine")
  }

  @Test("restored choices are obeyed both ways, pass by pass", arguments: [0, 1, 2, 3])
  func restored(_ taken: Int) throws {
    let (direct, winograd) = (try Results(shape, try engine(.never)), try always())
    #expect(direct.dx != winograd.dx && direct.dw != winograd.dw && direct.y != winograd.y)
    let text = choices((0..<3).map { $0 < taken ? "winograd" : "direct" })
    let told = try engine(.whereFaster)
    try told.restoreAlgorithms(text)
    let got = try Results(shape, told)
    #expect(got.dx == (taken > 0 ? winograd.dx : direct.dx))
    #expect(got.dw == (taken > 1 ? winograd.dw : direct.dw))
    #expect(got.y == (taken > 2 ? winograd.y : direct.y))
    #expect(told.algorithmChoices == text)
  }

  @Test("another thread count's choices stay beside, and a shape without a kernel is direct")
  func notMet() throws {
    let told = try engine(.whereFaster)
    let text = "forward 2x64x64x12x12 threads 7: winograd\n"
    try told.restoreAlgorithms(text)
    _ = try Results(shape, told)
    let lines = told.algorithmChoices.split(separator: "\n")
    #expect(lines.count == 4 && told.algorithmChoices.contains(text))
    let odd = Layer(inputs: 24, outputs: 16, kernel: 3, stride: 1, side: 5, images: 1)
    _ = try Results(odd, told)
    #expect(told.algorithmChoices.split(separator: "\n").count == 4)
  }

  @Test(
    "text that is malformed is refused, names the line, and changes nothing",
    arguments: [
      "winograd\n", "forward 2x64x64x12x12 threads 1: perhaps\n",
      "forward 2x64x64x12x12 threads 1 : direct\n", "forward 2x64x64x12 threads 1: direct\n",
      "sideways 2x64x64x12x12 threads 1: direct\n", "forward 2x64x64x12x12 threads 0: direct\n",
      "forward 2x64x64x12x12 cores 1: direct\n", "forward 2x+64x64x12x12 threads 1: direct\n",
      "forward 2x64x64x12x99999999999999999999 threads 1: direct\n",
      "forward 2x64x64x12x12 stride 1 threads 1: direct\n",
      "forward 2x64x64x12x12 stride 3 threads 1: direct\n",
      "forward 2x64x64x12x12 step 2 threads 1: direct\n",
      "forward  2x64x64x12x12 threads 1: direct\n", "\nforward 2x64x64x12x12 threads 1: direct\n",
      "forward 2x64x64x12x12 threads 1: direct", "forward 2x64x64x12x12 threads 1: direct\r\n",
      "forward 2x64x64x12x12 threads 1: direct\nforward 2x64x64x12x12 threads 1: winograd\n",
    ])
  func malformed(_ text: String) throws {
    let told = try engine(.whereFaster)
    let before = choices(["winograd", "direct", "winograd"])
    try told.restoreAlgorithms(before)
    #expect {
      try told.restoreAlgorithms(text)
    } throws: { error in
      (error as? ScrlError)?.code == .format && "\(error)".hasPrefix("algorithms: got ")
        && "\(error)".contains("expected")
    }
    #expect(told.algorithmChoices == before)
  }

  @Test("stride 2 has choices of its own, where there is a rival to choose")
  func strided() throws {
    let told = try engine(.whereFaster)
    let text = "forward 2x64x64x12x12 stride 2 threads 1: "
    try told.restoreAlgorithms(choices(["winograd", "winograd", "winograd"]) + text + "winograd\n")
    let layer = layer(64, 64, 12, images: 2, stride: 2)
    let got = try Results(layer, told)
    let direct = try Results(layer, try engine(.never))
    let isOurs = cdnn_channel_block() == 8
    #expect((got.y == direct.y) == !isOurs)
    #expect(got.y == (try Results(layer, try engine(.always))).y)
    #expect(told.algorithmChoices.contains(text + "winograd\n"))
    #expect(told.algorithmChoices.split(separator: "\n").count == (isOurs ? 6 : 4))
  }

  @Test("there is room for so many shapes; what comes later is direct and unmeasured")
  func full() throws {
    let lines = (1...ConvolutionChoices.capacity + 1).map {
      "forward \($0)x16x16x1x1 threads 9: direct\n"
    }
    let told = try engine(.whereFaster)
    #expect(throws: ScrlError.self) { try told.restoreAlgorithms(lines.joined()) }
    let text = lines.dropLast().sorted().joined()
    try told.restoreAlgorithms(text)
    #expect(try Results(shape, told).y == (try Results(shape, try engine(.never))).y)
    #expect(told.algorithmChoices == text)
  }

  private func always() throws -> Results { try Results(shape, try engine(.always)) }
  private func engine(_ use: WinogradUse) throws -> OneDNNEngine {
    try OneDNNEngine(workers: Workers(1), winograd: use)
  }
}

private func engine(_ use: WinogradUse, _ threads: Int) throws -> OneDNNEngine {
  try OneDNNEngine(workers: Workers(threads), winograd: use)
}
