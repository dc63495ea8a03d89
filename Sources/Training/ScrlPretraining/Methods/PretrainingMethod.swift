// A way to pretrain. Each is one file of this folder: its networks, its loss, its keys and presets,
// what it needs. `Method.all` lists them; nothing else asks which method it is.

import ScrlAutograd
import ScrlBase
import ScrlKernels
import ScrlNN
import ScrlTensor
import ScrlTraining

/// What a method's loss is a mean over.
package enum LossUnit: Sendable {
  case regions  // matched boxes of two views
  case views  // pairs of whole views
  case labels  // images with a class
}

package protocol PretrainingMethod: Module, SendableMetatype {
  static var name: String { get }
  static var unit: LossUnit { get }
  /// The first is for hundreds or thousands of images on a few cores.
  static var presets: [Preset] { get }
  /// Keys that only this method reads.
  static var keys: [ConfigKey] { get }
  /// Passes of the encoder over both views: 2 with a target network.
  static var forwardPasses: Int { get }
  /// false: plain SGD with weight decay on every parameter.
  static var usesLARS: Bool { get }
  /// Base rate of the linear evaluation that the method was published with.
  static var linearRate: Double { get }
  /// Whether the target's momentum rises to 1 along the run; false: it stays.
  static var momentumRises: Bool { get }

  init(_ config: Config, engine: any Engine) throws(ScrlError)

  /// What the optimiser moves.
  var trained: ModuleContents { get }

  /// Forward passes and loss; the tape has what the gradients need.
  /// - Parameter looks: whether to look for signs of collapse.
  func outcome(
    _ batch: Batch, _ config: Config, looks: Bool, _ pass: Pass, _ watch: inout StepWatch
  ) throws(ScrlError) -> Outcome

  /// After the optimiser's step: a target network follows, a queue moves on.
  func followUp(momentum: Double, _ engine: any Engine) throws(ScrlError)
}

extension PretrainingMethod {
  package static var keys: [ConfigKey] { [] }
  package static var forwardPasses: Int { 2 }
  package static var usesLARS: Bool { true }
  package static var linearRate: Double { 0.2 }
  package static var momentumRises: Bool { true }
}

/// What a step learnt from, in numbers.
package struct Outcome {
  var loss = 0.0
  var probeLoss = 0.0  // 0 without a probe
  var accuracy = Double.nan  // of probe or classifier over the labelled views; NaN without any
  var health: Health?  // nil: this step did not look
}

/// A method by its name, as configs and checkpoints hold it.
package struct Method: RawRepresentable, CaseIterable, Equatable, Sendable,
  CustomStringConvertible
{
  package static let all: [any PretrainingMethod.Type] = [
    SelfDistillation<SCRL>.self, SelfDistillation<BYOL>.self, Supervised.self,
  ]

  package let type: any PretrainingMethod.Type

  init(_ type: any PretrainingMethod.Type) { self.type = type }

  package init?(rawValue: String) {
    guard let type = Method.all.first(where: { $0.name == rawValue }) else { return nil }
    self.type = type
  }

  package var rawValue: String { type.name }
  package var description: String { rawValue }
  package var unit: LossUnit { type.unit }
  package static var allCases: [Method] { all.map { Method($0) } }
  package static func == (a: Method, b: Method) -> Bool { a.rawValue == b.rawValue }
}
