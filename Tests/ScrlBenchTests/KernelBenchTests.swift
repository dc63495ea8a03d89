import ScrlBase
import ScrlKernels
import ScrlPretraining
import TestSupport
import Testing

@testable import ScrlBench

@Suite("The kernel bench")
struct KernelBenchTests {
  @Test("measures the yardsticks first, then every kernel of a step", arguments: TestEngine.all)
  func measuresEveryKernel(_ kind: TestEngine) throws {
    var config = Config()
    config.architecture = .resnet18
    config.viewSize = 32
    config.boxMinSize = 8
    config.batch = 1
    config.roiStage = .layer2
    let workers = Workers(1)
    let other = try TestEngine.all.first { $0 != kind }?.make(workers)
    var heard: [Measurement] = []
    try benchKernels(config, try kind.make(workers), other: other, repeats: 1) { heard.append($0) }
    #expect(heard.prefix(2).map(\.kernel) == ["gemm", "copy"])
    #expect(heard.allSatisfy { $0.seconds > 0 && $0.share > 0 && $0.work.amount > 0 })
    let convolutions = heard.filter { $0.kernel.hasPrefix("convolution") }
    #expect(convolutions.allSatisfy { $0.isChecked == (other != nil) })
    // The uses of the convolutions' operations make up the step.
    let flops = convolutions.reduce(0) { $0 + $1.work.amount * Double($1.uses) }
    #expect(abs(flops / (try Network(config).stepFlops(config)) - 1) < 1e-12)
    let others = Set(heard.map(\.kernel)).subtracting(convolutions.map(\.kernel))
    #expect(
      others.isSuperset(of: ["batch_norm_relu", "add_relu", "max_pool", "roi_align", "lars"]))
  }

  @Test("what the listener throws ends it")
  func listenerEndsIt() throws {
    var config = Config()
    config.batch = 1
    config.viewSize = 64
    var heard = 0
    #expect(throws: ScrlError.self) {
      try benchKernels(config, try OpenBLASEngine(workers: Workers(1)), other: nil, repeats: 1) {
        _ throws(ScrlError) in
        heard += 1
        throw ScrlError(.cancelled, "enough")
      }
    }
    #expect(heard == 1)
  }
}
