// An activation and the place where its gradient arrives.
// Rule, said once: parameters' gradients accumulate (Parameter), activations' are assigned; an
// activation that feeds several operations receives the sum of their contributions.

import ScrlBase
import ScrlKernels
import ScrlTensor

package struct Activation {
  package let value: Tensor
  package let slot: GradientSlot?  // nil: no gradient wanted

  package init(_ value: Tensor, slot: GradientSlot? = nil) {
    self.value = value
    self.slot = slot
  }

  /// The same value behind a wall: no gradient passes.
  package var detached: Activation { Activation(value) }
}

/// The gradient of one activation, between the operations that use it and the one that made it.
package final class GradientSlot {
  private var gradient: Tensor?
  private var isOwned = false  // nobody else holds `gradient`, so it may be added to

  package init() {}

  /// Takes a contribution: the first as it is, later ones added. Never writes into a tensor that
  /// someone else may hold.
  /// - Parameter shared: the giver keeps the tensor or hands it to another slot as well.
  package func receive(
    _ contribution: Tensor, shared: Bool = false, _ workers: Workers
  ) throws(ScrlError) {
    guard let held = gradient else {
      gradient = contribution
      isOwned = !shared
      return
    }
    guard held.shape == contribution.shape, held.layout == contribution.layout else {
      throw ScrlError(
        .shape,
        "gradient: got \(contribution.shape), \(contribution.layout) · expected \(held.shape), "
          + "\(held.layout)")
    }
    let (sum, addend): (Tensor, Tensor)
    if isOwned {
      (sum, addend) = (held, contribution)
    } else if shared {
      (sum, addend) = (try held.copied(), contribution)
    } else {
      (sum, addend) = (contribution, held)
    }
    try accumulate(sum, addend, workers)
    gradient = sum
    isOwned = true
  }

  /// The gradient, leaving the slot empty; nil when nothing arrived.
  package func take() -> Tensor? {
    defer { gradient = nil }
    return gradient
  }
}
