import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import TestSupport
import Testing

@testable import ScrlBench

private func config(_ architecture: Architecture, _ stem: Stem = .imagenet) -> Config {
  var config = Config()
  config.architecture = architecture
  config.stem = stem
  config.batch = 16
  return config
}

@Suite("The bench's network")
struct NetworkTests {
  @Test("has the convolutions of the network that trains", arguments: Architecture.allCases)
  func convolutionsAreTheEncoders(_ architecture: Architecture) throws {
    let engine = try OpenBLASEngine(workers: Workers(1))
    for stem in Stem.allCases {
      var source = WeightSource(zeros: engine)
      let encoder = try ResNet(architecture, stem: stem, &source)
      let weights = encoder.contents(prefix: "").state.map(\.tensor.plainShape)
      let network = try Network(config(architecture, stem))
      let listed = network.convolutions.entries.flatMap {
        Array(repeating: $0.value.geometry.weightShape, count: $0.count)
      }
      let wanted = weights.filter { $0.count == 4 }
      #expect(
        listed.map(String.init(describing:)).sorted()
          == wanted.map(String.init(describing:)).sorted())
      let channels = network.norms.entries.flatMap {
        Array(repeating: $0.value.shape.channels, count: $0.count)
      }
      // Each BatchNorm has scale, shift, running mean and variance.
      #expect(channels.flatMap { [$0, $0, $0, $0] }.sorted() == vectors(weights))
    }
  }

  private func vectors(_ shapes: [[Int]]) -> [Int] {
    shapes.filter { $0.count == 1 && $0[0] > 1 }.map { $0[0] }.sorted()
  }

  // torchvision's page tells 4.09 and 1.81 G multiply-adds at 224², the classifier's 2.05 M and
  // 0.51 M included.
  @Test("costs what is published", arguments: [(Architecture.resnet50, 4.09), (.resnet18, 1.81)])
  func flopsAreThePublished(_ architecture: Architecture, _ published: Double) throws {
    let flops = try Network(config(architecture)).forwardFlops()
    #expect(abs(flops / 2e9 - published) < 0.01)
  }

  @Test("a step is four passes, but none back to the image")
  func stepCountsItsPasses() throws {
    let chosen = config(.resnet50)
    let network = try Network(chosen)
    let forward = try network.forwardFlops() * 32
    let first = 2.0 * 32 * 112 * 112 * 64 * 3 * 49
    #expect(abs(try network.stepFlops(chosen) / (4 * forward - first) - 1) < 1e-12)
    var supervised = chosen
    supervised.method = .supervised
    #expect(abs(try network.stepFlops(supervised) / (3 * forward - first) - 1) < 1e-12)
  }

  @Test("ends at the stage that is trained")
  func endsAtTheTrainedStage() throws {
    var chosen = config(.resnet18)
    chosen.roiStage = .layer2
    let network = try Network(chosen)
    #expect(network.last == Shape(channels: 128, side: 28))
    #expect(network.sums.entries.map(\.count) == [2, 2])
  }
}
