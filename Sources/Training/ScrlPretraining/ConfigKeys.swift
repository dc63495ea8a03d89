// The keys of a config: name, type, range, meaning, and how text becomes a value and back.

import ScrlBase
import ScrlImage
import ScrlNN

package struct ConfigKey: Sendable {
  package let name: String
  package let type: String  // integer | real | boolean | choice | pair | list
  package let range: String
  package let meaning: String
  /// Whether the value decides what is computed (true) or only how fast and where it is kept.
  package let shapesResult: Bool
  package let read: @Sendable (Config) -> String
  fileprivate let write: @Sendable (inout Config, String) -> Bool

  package static let all = pretraining + Method.all.flatMap { $0.keys } + detection

  private static let pretraining: [ConfigKey] = [
    choice("method", \.method, "what is learnt from: matched regions, whole views, or labels"),
    choice("quirks", \.quirks, "the published code to the letter, or as the paper describes it"),
    choice("model.arch", \.architecture, "the backbone"),
    choice("model.stem", \.stem, "7×7 stride 2 with pooling, or 3×3 stride 1 for small images"),
    integer("head.hidden", \.headHidden, 1...65536, "hidden units of projector and predictor"),
    integer("head.output", \.headOutput, 1...65536, "length of a projection"),
    choice(
      "roi.stage", \.roiStage,
      "the last stage that is trained: SCRL pools boxes of its map, the others average it; later "
        + "ones keep their first weights"),
    integer(
      "roi.pool_size", \.roiPoolSize, 1...16,
      "RoIAlign cells per box and axis; all of them, flattened, are the projector's input"),
    integer(
      "roi.sampling_ratio", \.roiSamplingRatio, -1...16,
      "RoIAlign samples per cell and axis; −1 or 0: adaptive"),
    boolean("roi.aligned", \.roiAligned, "RoIAlign with the half-pixel shift"),
    integer("boxes.per_image", \.boxesPerImage, 1...1024, "matched boxes per image"),
    integer("boxes.min_size", \.boxMinSize, 1...4096, "smallest box side, pixels of the view"),
    real(
      "boxes.iou_threshold", \.boxIoUThreshold, 0...1, "boxes of an image overlap less than this"),
    choice("boxes.sampler", \.boxSampler, "boxes from a random grid, or anywhere"),
    real("boxes.jitter", \.boxJitter, 0...0.5, "jitter of the second view's boxes; 0: off"),
    integer("views.size", \.viewSize, 16...2048, "side of a view in pixels"),
    pair("views.crop_scale", \.cropScale, 0.001...1, "share of the image's area in a crop"),
    choice("views.augmentation", \.augmentation, "centre crop, crop and flip, or all of SimCLR's"),
    choice("views.blur", \.blur, "shrink and enlarge, or Gaussian"),
    integer("train.batch", \.batch, 1...1_048_576, "images per step, over all machines"),
    integer("train.epochs", \.epochs, 1...1_000_000, "passes over the dataset"),
    integer(
      "train.warmup_epochs", \.warmupEpochs, 0...1_000_000, "epochs of linear warm-up of the rate"),
    integer(
      "train.steps", \.steps, 0...1_000_000_000,
      "length of the schedule in steps; 0: from train.epochs. Warm-up is then at most a tenth"),
    real("optimizer.base_lr", \.baseRate, 0...1000, "learning rate at batch 256"),
    real("optimizer.weight_decay", \.weightDecay, 0...1, "L2 penalty"),
    real("optimizer.momentum", \.momentum, 0...0.9999, "momentum of SGD"),
    choice("optimizer.lr_rule", \.rateRule, "rate = base_lr · batch / 256, or base_lr"),
    real("ema.momentum", \.emaMomentum, 0...1, "the target's momentum at the start; rises to 1"),
    integer(
      "train.classes", \.classes, 0...1_000_000,
      "classes of the labels, for supervised and the probe; 0: the dataset's"),
    boolean(
      "probe.online", \.probeOnline,
      "trains a linear classifier on the detached features beside SCRL or BYOL; needs labels"),
    integer("seed", \.seed, 0...Int.max, "of weights, order, views and boxes"),
    integer(
      "threads", \.threads, 0...256, "compute threads; 0: all this process may use",
      shapesResult: false),
    choice(
      "compute.backend", \.backend,
      "the library that computes; auto: oneDNN where it is installed, else OpenBLAS",
      shapesResult: false),
    choice(
      "compute.winograd", \.winograd,
      "3×3 convolutions of oneDNN: all direct; or, per shape, Winograd's unless a measurement at "
        + "its first use speaks against it. A checkpoint keeps what was chosen"),
    choice(
      "compute.precision", \.precision,
      "what oneDNN's convolutions multiply: float32; or bfloat16 (8 bits of precision), summed in "
        + "float32, on CPUs that have it (AVX512_BF16) and faster there. All else is float32"),
    integer(
      "loader.threads", \.loaderThreads, 0...64, "threads that make views; 0: a quarter of threads",
      shapesResult: false),
    integer(
      "loader.prefetch", \.loaderPrefetch, 1...64, "batches made ahead", shapesResult: false),
    integer(
      "checkpoint.every", \.checkpointEvery, 0...1_000_000_000,
      "steps between checkpoints; 0: every epoch", shapesResult: false),
    integer(
      "checkpoint.keep", \.checkpointKeep, 1...1000,
      "checkpoints kept under their step's number, beside the newest", shapesResult: false),
    real(
      "checkpoint.minutes", \.checkpointMinutes, 0...1_000_000,
      "minutes after which checkpoint.h5 is written anew, whatever the step; 0: only for a run's "
        + "first, within a minute", shapesResult: false),
    integer(
      "health.every", \.healthEvery, 0...1_000_000_000,
      "steps between looks for signs of collapse in what training projects; 0: never",
      shapesResult: false),
  ]

  package static func named(_ name: String) throws(ScrlError) -> ConfigKey {
    if let key = all.first(where: { $0.name == name }) { return key }
    let near = all.map(\.name).min { editDistance($0, name) < editDistance($1, name) } ?? ""
    throw ScrlError(.config, "config: unknown key '\(name)' · did you mean '\(near)'?")
  }
}

extension Config {
  package mutating func set(_ name: String, _ text: String) throws(ScrlError) {
    let key = try ConfigKey.named(name)
    guard key.write(&self, text) else {
      throw ScrlError(
        .config, "config: \(name) got '\(text)' · expected \(key.type) in \(key.range)")
    }
  }

  package func get(_ name: String) throws(ScrlError) -> String {
    try ConfigKey.named(name).read(self)
  }

  /// Lines of "key = value" for those keys of pretraining, or of a detector.
  package func text(shapingResult: Bool, detector: Bool = false) -> String {
    ConfigKey.all
      .filter { key in
        let concerns = detector ? key.concernsDetector : !key.isDetection
        return key.shapesResult == shapingResult && (concerns || !shapingResult)
      }
      .map { "\($0.name) = \($0.read(self))\n" }.joined()
  }

  /// Reads what `text` wrote.
  package mutating func merge(text: String) throws(ScrlError) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2)
      guard words.count == 3, words[1] == "=" else {
        throw ScrlError(.format, "config: line '\(line)' is not 'key = value'")
      }
      try set(String(words[0]), String(words[2]))
    }
  }
}

func integer(
  _ name: String, _ path: any WritableKeyPath<Config, Int> & Sendable, _ range: ClosedRange<Int>,
  _ meaning: String, shapesResult: Bool = true
) -> ConfigKey {
  ConfigKey(
    name: name, type: "integer", range: "\(range.lowerBound) … \(range.upperBound)",
    meaning: meaning, shapesResult: shapesResult,
    read: { String($0[keyPath: path]) },
    write: { config, text in
      guard let value = Int(text), range.contains(value) else { return false }
      config[keyPath: path] = value
      return true
    })
}

func real(
  _ name: String, _ path: any WritableKeyPath<Config, Double> & Sendable,
  _ range: ClosedRange<Double>, _ meaning: String, shapesResult: Bool = true
) -> ConfigKey {
  ConfigKey(
    name: name, type: "real", range: "\(range.lowerBound) … \(range.upperBound)",
    meaning: meaning, shapesResult: shapesResult,
    read: { "\($0[keyPath: path])" },
    write: { config, text in
      guard let value = Double(text), range.contains(value) else { return false }
      config[keyPath: path] = value
      return true
    })
}

func boolean(
  _ name: String, _ path: any WritableKeyPath<Config, Bool> & Sendable, _ meaning: String
) -> ConfigKey {
  ConfigKey(
    name: name, type: "boolean", range: "false | true", meaning: meaning, shapesResult: true,
    read: { "\($0[keyPath: path])" },
    write: { config, text in
      guard let value = ["true": true, "1": true, "false": false, "0": false][text.lowercased()]
      else { return false }
      config[keyPath: path] = value
      return true
    })
}

func pair(
  _ name: String, _ path: any WritableKeyPath<Config, ClosedRange<Double>> & Sendable,
  _ range: ClosedRange<Double>, _ meaning: String
) -> ConfigKey {
  ConfigKey(
    name: name, type: "pair", range: "low:high within \(range.lowerBound) … \(range.upperBound)",
    meaning: meaning, shapesResult: true,
    read: { "\($0[keyPath: path].lowerBound):\($0[keyPath: path].upperBound)" },
    write: { config, text in
      let ends = text.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
      guard ends.count == 2, let low = ends[0], let high = ends[1], low <= high,
        range.contains(low), range.contains(high)
      else { return false }
      config[keyPath: path] = low...high
      return true
    })
}

func choice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
  _ name: String, _ path: any WritableKeyPath<Config, Value> & Sendable, _ meaning: String,
  shapesResult: Bool = true
) -> ConfigKey {
  ConfigKey(
    name: name, type: "choice", range: Value.allCases.map(\.rawValue).joined(separator: " | "),
    meaning: meaning, shapesResult: shapesResult,
    read: { $0[keyPath: path].rawValue },
    write: { config, text in
      guard let value = Value(rawValue: text) else { return false }
      config[keyPath: path] = value
      return true
    })
}

/// Numbers separated by colons, `counts` of them.
func list<Value: LosslessStringConvertible & Comparable & Sendable>(
  _ name: String, _ path: any WritableKeyPath<Config, [Value]> & Sendable,
  _ range: ClosedRange<Value>, counts: ClosedRange<Int>, _ meaning: String
) -> ConfigKey {
  ConfigKey(
    name: name, type: "list",
    range: "\(counts.lowerBound) to \(counts.upperBound) numbers in \(range.lowerBound) … "
      + "\(range.upperBound), separated by colons",
    meaning: meaning, shapesResult: true,
    read: { $0[keyPath: path].map { "\($0)" }.joined(separator: ":") },
    write: { config, text in
      let words = text.split(separator: ":", omittingEmptySubsequences: false)
      let values = words.compactMap { Value(String($0)) }
      guard values.count == words.count, counts.contains(values.count),
        values.allSatisfy(range.contains)
      else { return false }
      config[keyPath: path] = values
      return true
    })
}

/// Levenshtein distance, for the suggestion in an error.
private func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8.prefix(256)))
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let best = min(diagonal + (x == y ? 0 : 1), row[j] + 1, row[j + 1] + 1)
      diagonal = row[j + 1]
      row[j + 1] = best
    }
  }
  return row[b.count]
}
