// A config in a checkpoint, in two texts. Keys that only say how fast or where (threads, loader.*,
// checkpoint.*) stay out of the config dataset: equal training gives equal datasets, whatever the
// machine.

import ScrlBase
import ScrlStore
import ScrlTraining

extension CheckpointWriter {
  /// - Parameter detector: whose config it is; each has keys of its own.
  package func write(_ config: Config, detector: Bool = false) throws(ScrlError) {
    try write(
      CheckpointPlace.config, text: config.text(shapingResult: true, detector: detector))
    try write(
      CheckpointPlace.hostConfig,
      attribute: config.text(shapingResult: false, detector: detector))
    try write(CheckpointPlace.seed, integer: Int64(config.seed))
  }
}

extension CheckpointReader {
  package func config() throws(ScrlError) -> Config {
    var config = Config()
    config.winograd = .off  // as in checkpoints from before there was the key
    try config.merge(text: try text(CheckpointPlace.config))
    try config.merge(text: try attributeText(CheckpointPlace.hostConfig))
    try config.check()
    return config
  }
}
