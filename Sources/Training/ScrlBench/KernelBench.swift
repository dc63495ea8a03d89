// How near the kernels of a training step come to what this machine can do: convolutions to a
// product of large matrices, all else to a copy. Compared first, then timed.
// Not here: products of the heads, the step as a whole.

import ScrlBase
import ScrlKernels
import ScrlPretraining

/// - Parameters:
///   - other: compares and competes with the engine; nil where there is none.
///   - hear: gets the yardsticks first, then each kernel as it is done; what it throws ends the run.
package func benchKernels(
  _ config: Config, _ engine: some Engine, other: (any Engine)?, repeats: Int,
  _ hear: @escaping (Measurement) throws(ScrlError) -> Void
) throws(ScrlError) {
  let network = try Network(config)
  for block in [8, 16] { try checkElementwise(engine, block: block) }
  let clock = try Stopwatch(
    [engine] + (other.map { [$0] } ?? []), workers: engine.workers, repeats: repeats, hear)
  let convolutions = ConvolutionBench(
    engine: engine, other: other, images: config.stepViews, forwardPasses: config.forwardPasses,
    clock: clock)
  for (layer, count) in network.convolutions.entries {
    try convolutions.run(layer, count: count)
  }
  try ElementwiseBench(engine: engine, config: config, clock: clock).run(network)
}
