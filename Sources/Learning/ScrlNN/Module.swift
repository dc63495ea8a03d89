// What a module holds, listed in a fixed order: the order of PyTorch's state_dict.

import ScrlAutograd
import ScrlBase
import ScrlKernels

package protocol Module {
  /// Appends this module's parameters and statistics, names preceded by the prefix ("encoder.").
  func collect(into contents: inout ModuleContents, prefix: String)
}

extension Module {
  package func contents(prefix: String = "") -> ModuleContents {
    var contents = ModuleContents()
    collect(into: &contents, prefix: prefix)
    return contents
  }
}

package struct NamedParameter {
  package let name: String  // full: "encoder.layer1.0.conv1.weight"
  package let parameter: Parameter
}

package struct NamedState {
  package let name: String
  package let tensor: any StateTensor  // a Parameter or a RunningStatistic
}

package struct ModuleContents {
  package private(set) var parameters: [NamedParameter] = []
  package private(set) var state: [NamedState] = []  // parameters and running statistics

  package init() {}

  package mutating func add(_ parameter: Parameter, prefix: String) {
    let name = prefix + parameter.name
    parameters.append(NamedParameter(name: name, parameter: parameter))
    state.append(NamedState(name: name, tensor: parameter))
  }

  /// Adds state that is not learned: running statistics, queues. A step that fails leaves it as it
  /// was.
  package mutating func add(_ tensor: some StateTensor, prefix: String) {
    state.append(NamedState(name: prefix + tensor.name, tensor: tensor))
  }

  package func clearGradients() {
    for entry in parameters { entry.parameter.clearGradient() }
  }

  /// Overwrites every value by the other's of the same place; both list the same modules.
  package func copyValues(from other: ModuleContents) throws(ScrlError) {
    guard state.count == other.state.count else {
      throw ScrlError(
        .shape, "copy: got \(other.state.count) tensors · expected \(state.count)")
    }
    for (mine, theirs) in zip(state, other.state) {
      guard mine.tensor.plainShape == theirs.tensor.plainShape else {
        throw ScrlError(
          .shape,
          "copy: got \(theirs.name) \(theirs.tensor.plainShape) · expected \(mine.name) "
            + "\(mine.tensor.plainShape)")
      }
      try mine.tensor.assign(plain: try theirs.tensor.plain())
    }
  }

  /// value ← momentum·value + (1 − momentum)·online, the parameters only: BatchNorm's running
  /// statistics are each network's own.
  package func follow(
    _ online: ModuleContents, momentum: Double, _ workers: Workers
  ) throws(ScrlError) {
    guard parameters.count == online.parameters.count else {
      throw ScrlError(
        .shape, "ema: got \(online.parameters.count) parameters · expected \(parameters.count)")
    }
    for (mine, theirs) in zip(parameters, online.parameters) {
      try emaUpdate(
        target: mine.parameter.value.buffer, online: theirs.parameter.value.buffer,
        momentum: momentum, workers)
    }
  }
}

extension [NamedParameter] {
  /// Takes the memory of all gradients at once, for parameters that are trained to the end of the
  /// process: see Parameter.
  package func reserveGradients() throws(ScrlError) {
    for entry in self { try entry.parameter.reserveGradient() }
  }
}
