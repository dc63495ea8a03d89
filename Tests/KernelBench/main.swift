// How near everything around the convolutions of a training step comes to the memory's speed.
//   swift run -c release -Xcc -march=x86-64-v3 KernelBench --block 16 [--size 224] [--views 32]
//     [--threads 2] [--repeats 5]
// --block 0 is one block of all channels (NHWC). First blocks of 8 and 16 are checked against
// blocks of all channels, then every kernel is timed. One JSON line a kernel and shape, then one for the step:
// ms is the fastest of the repeats, uses how often a ResNet-50 step runs it (two forward passes, one
// backward, recomputation as the trainer asks), gbs counts each input once and each output once,
// part is gbs over that of a copy in the same run.

import ScrlBase
import ScrlKernels
import TestSupport

struct Options {
  var block = 16
  var size = 224
  var views = 32
  var threads = Workers.available
  var repeats = 5

  init(_ arguments: ArraySlice<String>) throws(ScrlError) {
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst().flatMap({ Int($0) }), value >= 0 else {
        throw ScrlError(.argument, "KernelBench: \(name) wants a number")
      }
      switch name {
      case "--block": block = value
      case "--size": size = value
      case "--views": views = value
      case "--threads": threads = value
      case "--repeats": repeats = max(value, 1)
      default: throw ScrlError(.argument, "KernelBench: no option \(name)")
      }
    }
  }
}

do {
  let options = try Options(CommandLine.arguments.dropFirst())
  let engine = try OpenBLASEngine(workers: Workers(options.threads))
  for block in [8, 16] { try check(engine, block: block) }
  let clock = try Stopwatch(engine.workers, repeats: options.repeats)
  try timeStep(engine, options, clock)
  clock.report(options)
} catch {
  print("KernelBench: \(error)")
}
