// Makes batches ahead of a trainer on threads of its own. A recipe says what a step's batch is made
// of; it follows from the step alone, so neither thread count nor timing shows in the result.

import ScrlBase

/// A batch in the making: what its samples share.
package protocol BatchDraft: AnyObject {
  var count: Int { get }  // samples
}

package protocol BatchRecipe: Sendable {
  associatedtype Tools  // one thread's: decoder, scratch
  associatedtype Draft: BatchDraft
  associatedtype Sample
  associatedtype Batch

  func tools() throws(ScrlError) -> Tools
  func draft(step: Int) throws(ScrlError) -> Draft
  /// Makes one sample of a draft; may write what belongs to this sample alone.
  func make(_ draft: Draft, _ place: Int, with tools: Tools) -> Sample
  func finish(_ draft: Draft, _ samples: [Sample]) throws(ScrlError) -> Batch
}

package final class Prefetcher<Recipe: BatchRecipe> {
  /// The step whose batch is next, counted from 0.
  package private(set) var nextStep: Int
  private let work: PrefetchWork<Recipe>
  private var threads: [Thread] = []

  /// - Parameters:
  ///   - batches: made ahead at most.
  ///   - firstStep: the step, counted from 0, whose batch is wanted first.
  package init(
    _ recipe: Recipe, threads count: Int, batches: Int, firstStep: Int
  ) throws(ScrlError) {
    nextStep = firstStep
    work = PrefetchWork(recipe, batches: batches, firstStep: firstStep)
    for _ in 0..<count {
      threads.append(try Thread { [work] in work.serve() })
    }
  }

  deinit {
    work.stop()
    for thread in threads { thread.join() }
  }

  /// The batch of the next step; waits until it is made.
  package func nextBatch() throws(ScrlError) -> Recipe.Batch {
    let batch = try work.nextBatch()
    nextStep += 1
    return batch
  }
}

/// The batches of a task by step. Steps on a host's batches, and steps that failed, leave the
/// prefetcher at another place: then it begins anew.
package final class BatchSource<Recipe: BatchRecipe> {
  private let recipe: Recipe
  private let (threads, batches): (Int, Int)
  private var prefetcher: Prefetcher<Recipe>?

  /// - Parameter batches: made ahead at most.
  package init(_ recipe: Recipe, threads: Int, batches: Int) {
    (self.recipe, self.threads, self.batches) = (recipe, threads, batches)
  }

  /// The batch of a step, counted from 0; waits until it is made.
  package func batch(step: Int) throws(ScrlError) -> Recipe.Batch {
    let current: Prefetcher<Recipe>
    if let prefetcher, prefetcher.nextStep == step {
      current = prefetcher
    } else {
      prefetcher = nil  // its threads end before others begin
      current = try Prefetcher(
        recipe, threads: threads, batches: batches, firstStep: step)
      prefetcher = current
    }
    do throws(ScrlError) {
      return try current.nextBatch()
    } catch {
      prefetcher = nil  // its threads have stopped
      throw error
    }
  }
}

/// What the threads share. Everything mutable is guarded by `monitor`, except what a recipe writes
/// for one sample, which belongs to the thread that took it.
private final class PrefetchWork<Recipe: BatchRecipe>: @unchecked Sendable {
  private final class Order {
    let draft: Recipe.Draft
    var samples: [Recipe.Sample?]
    var taken = 0
    var remaining: Int

    init(_ draft: Recipe.Draft) {
      self.draft = draft
      samples = Array(repeating: nil, count: draft.count)
      remaining = draft.count
    }

    var isDone: Bool { remaining == 0 }
  }

  private let recipe: Recipe
  private let batches: Int
  private let monitor = Monitor()
  private var orders: [Order] = []  // consecutive steps, the oldest first
  private var nextStep: Int  // the step after the last order
  private var stopped = false
  private var failure: ScrlError?

  init(_ recipe: Recipe, batches: Int, firstStep: Int) {
    self.recipe = recipe
    self.batches = batches
    nextStep = firstStep
  }

  func stop() {
    monitor.locked {
      stopped = true
      monitor.wakeAll()
    }
  }

  func nextBatch() throws(ScrlError) -> Recipe.Batch {
    let order = try monitor.locked { () throws(ScrlError) -> Order in
      while true {
        if let failure { throw failure }
        if let first = orders.first, first.isDone {
          orders.removeFirst()
          monitor.wakeAll()
          return first
        }
        monitor.wait()
      }
    }
    return try recipe.finish(order.draft, order.samples.compactMap { $0 })
  }

  /// A thread's life: take a sample, make it, until stopped.
  func serve() {
    do throws(ScrlError) {
      let tools = try recipe.tools()
      while let (order, place) = try nextTask() {
        let sample = recipe.make(order.draft, place, with: tools)
        monitor.locked {
          order.samples[place] = sample
          order.remaining -= 1
          if order.isDone { monitor.wakeAll() }
        }
      }
    } catch {
      monitor.locked {
        failure = error
        monitor.wakeAll()
      }
    }
  }

  private func nextTask() throws(ScrlError) -> (Order, place: Int)? {
    try monitor.locked { () throws(ScrlError) in
      while !stopped && failure == nil {
        if let order = orders.first(where: { $0.taken < $0.samples.count }) {
          defer { order.taken += 1 }
          return (order, order.taken)
        }
        if orders.count < batches {
          orders.append(Order(try recipe.draft(step: nextStep)))
          nextStep += 1
        } else {
          monitor.wait()
        }
      }
      return nil
    }
  }
}
