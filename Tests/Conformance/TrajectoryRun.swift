// One run of a trajectory: what it is given, one step of it, what is kept of its tensors.
// The same as reference/trajectory.py.
// Letters: N images, S view size.

import ScrlBase
import ScrlKernels
import ScrlPretraining
import ScrlNN
import ScrlTensor
import ScrlTraining
import TestReference

private let size = 96  // S
let schedule = 10  // steps

struct Plan {
  let name: String
  let architecture: Architecture
  let method: Method
  let quirks: Quirks
  let images: Int
  var steps = schedule
  var rate = 2.0  // base_lr
  var probe = false
  var like: String?  // whose views and boxes

  /// `RUNS` in reference/trajectory.py.
  static let scrl = Plan("r18_scrl", .resnet18, .scrl, .corrected, 4)
  static let others = [
    Plan("r18_official", .resnet18, .scrl, .official, 4),
    Plan("r18_byol", .resnet18, .byol, .corrected, 6),
    Plan("r50_scrl", .resnet50, .scrl, .corrected, 4),
    Plan("r18_supervised", .resnet18, .supervised, .corrected, 4, steps: 5, rate: 0.5),
  ]
  static let probe = Plan(
    "r18_probe", .resnet18, .scrl, .corrected, 4, steps: 5, probe: true, like: "r18_scrl")

  private init(
    _ name: String, _ architecture: Architecture, _ method: Method, _ quirks: Quirks,
    _ images: Int, steps: Int = schedule, rate: Double = 2, probe: Bool = false,
    like: String? = nil
  ) {
    (self.name, self.architecture, self.method) = (name, architecture, method)
    (self.quirks, self.images, self.steps) = (quirks, images, steps)
    (self.rate, self.probe, self.like) = (rate, probe, like)
  }

  var title: String { "\(architecture) \(method) \(quirks)" + (probe ? " + probe" : "") }
  var source: String { like ?? name }

  func config(_ quirks: Quirks) -> Config {
    var config = Config()
    (config.method, config.quirks, config.architecture) = (method, quirks, architecture)
    (config.viewSize, config.boxesPerImage, config.batch) = (size, 6, images)
    (config.steps, config.baseRate, config.weightDecay) = (schedule, rate, 1e-4)
    (config.emaMomentum, config.probeOnline, config.classes) = (0.97, probe, 5)
    return config
  }

  /// `labels` in reference/trajectory.py; nil where the method wants none.
  func labels(_ step: Int) -> [Int]? {
    guard method == .supervised || probe else { return nil }
    return (0..<images).map { $0 == step - 1 ? -1 : (2 * $0 + step) % 5 }
  }
}

final class Runner {
  let plan: Plan
  private(set) var losses: [[Double]] = []  // of each step: the method's, the probe's
  private let trainer: Trainer<Pretraining>
  private let engine: any Engine
  private let boxes: NpyArray?

  /// Weights of the plan, in a trainer of the given mode.
  init(_ plan: Plan, _ folder: Fixtures, _ engine: any Engine, _ quirks: Quirks) throws {
    self.plan = plan
    self.engine = engine
    boxes = plan.method == .scrl ? try folder.array(plan.source + "_boxes") : nil
    trainer = try Trainer(
      plan.config(quirks), dataset: nil, folder: nil, engine: engine)
    for entry in trainer.task.state.state {
      try entry.tensor.assign(plain: first(entry.name, entry.tensor.plainShape))
    }
  }

  /// Corrected: the target begins as the online network. `start` in reference/trajectory.py.
  private func first(_ name: String, _ shape: [Int]) throws -> Tensor {
    var parts = name.split(separator: ".")
    if plan.quirks == .corrected, parts[0] == "target" { parts[0] = "online" }
    let name = parts.joined(separator: ".")
    var (centre, spread) = recipe(name, shape)
    let isNorm = parts[parts.count - 2].hasPrefix("bn") || parts.contains("downsample")
    if name.hasSuffix(".bias"), isNorm {
      centre = 0.3  // most units of a ReLU are away from its edge
    }
    if name.hasSuffix(".bn2.weight") || name.hasSuffix(".bn3.weight") {
      (centre, spread) = (0.3, 0.1)  // a block adds less than its identity
    }
    return try hashed(name, shape, centre: centre, spread: spread)
  }

  func step(_ step: Int) throws {
    var (boxes1, boxes2): ([RegionBox], [RegionBox]) = ([], [])
    for k in 0..<(boxes?.shape[0] ?? 0) {
      guard let row = boxes?.row(k).map({ Float($0) }), Int(row[0]) == step else { continue }
      let image = Int(row[1])
      boxes1.append(RegionBox(image: image, x0: row[2], y0: row[3], x1: row[4], y1: row[5]))
      boxes2.append(RegionBox(image: image, x0: row[6], y0: row[7], x1: row[8], y1: row[9]))
    }
    let batch = try Batch(
      view1: try smoothViews("\(plan.source)/\(step)/1", images: plan.images),
      view2: try smoothViews("\(plan.source)/\(step)/2", images: plan.images), boxes1: boxes1,
      boxes2: boxes2, labels: plan.labels(step), engine: engine)
    let report = try trainer.step(on: batch)
    losses.append([report.loss, report.probeLoss])
  }

  func compare(_ reference: NpyArray) throws -> Comparison {
    guard reference.shape[0] == trainer.task.state.state.count else {
      throw ScrlError(
        .shape, "\(reference.shape[0]) tensors, not \(trainer.task.state.state.count)")
    }
    var comparison = Comparison()
    for (index, tensor) in try kept().enumerated() {
      comparison.add(tensor, Array(reference.row(index)))
    }
    return comparison
  }

  /// Every tensor of now as fixtures keep them.
  func kept() throws -> [KeptTensor] {
    try trainer.task.state.state.map { entry in
      KeptTensor(
        name: entry.name, values: try entry.tensor.plain(),
        first: try first(entry.name, entry.tensor.plainShape), engine.workers)
    }
  }
}

/// `views` in reference/trajectory.py: hashed values every 16 pixels, bilinear between, and noise.
private func smoothViews(_ name: String, images: Int) throws -> Tensor {
  let cells = size / 16 + 1
  let coarse = try hashed(name + "/coarse", [images, 3, cells, cells], spread: 1.5)
  let views = try hashed(name + "/fine", [images, 3, size, size], spread: 0.5)
  let grid = coarse.pointer
  for plane in 0..<images * 3 {
    for y in 0..<size {
      for x in 0..<size {
        let (fy, fx) = (Float(y % 16) / 16, Float(x % 16) / 16)
        let corner = grid + (plane * cells + y / 16) * cells + x / 16
        let left = corner[0] + fy * (corner[cells] - corner[0])
        let right = corner[1] + fy * (corner[cells + 1] - corner[1])
        views.pointer[(plane * size + y) * size + x] += left + fx * (right - left)
      }
    }
  }
  return views
}
