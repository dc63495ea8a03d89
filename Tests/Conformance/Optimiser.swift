// LARS, warm-up, cosine and EMA together: 50 steps on given gradients against PyTorch, float64.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import TestReference

private struct Entries: Module {
  let entries: [(name: String, parameter: Parameter)]
  func collect(into contents: inout ModuleContents, prefix: String) {
    for entry in entries { contents.add(entry.parameter, prefix: prefix) }
  }
}

/// Names as the networks have them, every role; `PARAMETERS` in make_fixtures.py.
private func plan() throws -> [(String, Parameter.Role, [Int])] {
  let stem = try ConvolutionGeometry(inputs: 3, outputs: 4, kernel: 3, stride: 1, padding: 1)
  let inner = try ConvolutionGeometry(inputs: 4, outputs: 4, kernel: 3, stride: 1, padding: 1)
  let shortcut = try ConvolutionGeometry(inputs: 4, outputs: 6, kernel: 1, stride: 2, padding: 0)
  return [
    ("online.encoder.conv1.weight", .convolutionWeight(stem), [4, 3, 3, 3]),
    ("online.encoder.bn1.weight", .normScale, [4]),
    ("online.encoder.bn1.bias", .normShift, [4]),
    ("online.encoder.layer1.0.conv2.weight", .convolutionWeight(inner), [4, 4, 3, 3]),
    ("online.encoder.layer1.0.bn2.weight", .normScale, [4]),
    ("online.encoder.layer1.0.bn2.bias", .normShift, [4]),
    ("online.encoder.layer2.0.downsample.0.weight", .convolutionWeight(shortcut), [6, 4, 1, 1]),
    ("online.encoder.layer2.0.downsample.1.weight", .normScale, [6]),
    ("online.encoder.layer2.0.downsample.1.bias", .normShift, [6]),
    ("online.projector.fc1.weight", .linearWeight, [8, 6]),
    ("online.projector.fc1.bias", .linearBias, [8]),
    ("online.projector.bn.weight", .normScale, [8]),
    ("online.projector.bn.bias", .normShift, [8]),
    ("online.projector.fc2.weight", .linearWeight, [5, 8]),
    ("predictor.fc1.weight", .linearWeight, [8, 5]),
    ("predictor.bn.weight", .normScale, [8]),
    ("predictor.fc2.weight", .linearWeight, [5, 8]),
  ]
}

func optimiserRows(_ table: Table, _ folder: Fixtures, _ engine: any Engine) throws {
  for quirks in Quirks.allCases {
    let reference = try folder.array("optimiser_\(quirks.rawValue)")
    for (place, ours) in try trajectory(quirks, engine).enumerated() {
      let step = [1, 10, 50][place]
      let tolerance = Double(step) * 0x1p-22
      table.row(
        engine: engine.name, "LARS + schedules + EMA, \(quirks): error after step \(step)",
        relativeError(ours, reference.row(place)), 0, within: tolerance,
        "\(step) steps · 4 roundings of 2⁻²⁴ on values of their size")
    }
    let other = Quirks.allCases.first { $0 != quirks } ?? quirks
    if let wrong = try trajectory(other, engine, steps: 1).first {
      table.mustDiffer(
        engine: engine.name, "the same after step 1 with quirks \(other)",
        relativeError(wrong, reference.row(0)), atLeast: 100 * 0x1p-22,
        "100 times the tolerance")
    }
  }
}

/// Online and target of the online part, then the predictor, after steps 1, 10, 50.
private func trajectory(
  _ quirks: Quirks, _ engine: any Engine, steps: Int = 50
) throws -> [[Float]] {
  func module(_ tag: String, _ plan: [(String, Parameter.Role, [Int])]) throws -> Entries {
    Entries(
      entries: try plan.map { name, role, shape in
        let plain = try hashed(tag + name, shape, centre: 0.1, spread: 1)
        return (name, try Parameter(name: name, role: role, plain: plain, engine: engine))
      })
  }
  let plan = try plan()
  let isOnline = { (entry: (String, Parameter.Role, [Int])) in entry.0.hasPrefix("online.") }
  let online = try module("", plan.filter(isOnline)).contents()
  let target = try module("target/", plan.filter(isOnline)).contents()
  let predictor = try module("", plan.filter { !isOnline($0) }).contents()
  let trained = online.parameters + predictor.parameters
  let lars = try LARS(
    trained, try LARSOptions(weightDecay: 1e-2, quirks: quirks), workers: engine.workers)
  let rate = try RateSchedule(base: 2, warmupSteps: 10, totalSteps: 50)
  let ema = try MomentumSchedule(start: 0.97, totalSteps: 50)
  var kept: [[Float]] = []
  for step in 1...steps {
    for entry in trained {
      entry.parameter.clearGradient()
      let plain = try hashed("\(entry.name)/\(step)", entry.parameter.plainShape, spread: 1)
      let gradient = try entry.parameter.packed(plain)
      try entry.parameter.gradientSum().pointer.update(
        from: gradient.pointer, count: gradient.count)
    }
    try lars.step(rate: rate.rate(step: step))
    try target.follow(online, momentum: ema.momentum(step: step - 1), engine.workers)
    guard [1, 10, 50].contains(step) else { continue }
    kept.append(
      try (online.parameters + target.parameters + predictor.parameters)
        .flatMap { try $0.parameter.plain().array })
  }
  return kept
}
