// The parallel loop: each index once, whoever calls and from wherever.

import Glibc
import ScrlBase
import Testing

/// A counter per index, safe to bump from any thread.
private final class Tally: @unchecked Sendable {
  private let lock = RecursiveLock()
  private var counts: [Int]
  init(_ count: Int) { counts = [Int](repeating: 0, count: count) }
  func bump(_ index: Int) { lock.locked { counts[index] += 1 } }
  var eachOnce: Bool { lock.locked { counts.allSatisfy { $0 == 1 } } }
}

@Suite("Workers")
struct WorkersTests {
  @Test("Each index runs once", arguments: [1, 2, 3, 8, 400], [0, 1, 2, 7, 1000])
  func eachOnce(threads: Int, tasks: Int) {
    let tally = Tally(tasks)
    Workers(threads).run(tasks) { tally.bump($0) }
    #expect(tally.eachOnce)
  }

  @Test("Many loops after one another lose nothing")
  func manyLoops() {
    let workers = Workers(4)
    for round in 0..<2000 {
      let tally = Tally(round % 9)
      workers.run(round % 9) { tally.bump($0) }
      #expect(tally.eachOnce)
    }
  }

  @Test("A nested loop runs all of its own")
  func nested() {
    let tally = Tally(20 * 30)
    let workers = Workers(3)
    workers.run(20) { outer in
      workers.run(30) { inner in tally.bump(outer * 30 + inner) }
    }
    #expect(tally.eachOnce)
  }

  @Test("Loops of several callers at once do not mix")
  func concurrentCallers() {
    let callers = 4
    let tallies = (0..<callers).map { _ in (0..<100).map { _ in Tally(50) } }
    final class Caller {
      let tallies: [Tally]
      init(_ tallies: [Tally]) { self.tallies = tallies }
    }
    let threads = tallies.map { mine in
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(Caller(mine)).toOpaque()
      pthread_create(
        &thread, nil,
        { raw in
          let caller = Unmanaged<Caller>.fromOpaque(raw!).takeRetainedValue()
          for tally in caller.tallies { Workers(3).run(50) { tally.bump($0) } }
          return nil
        }, argument)
      return thread
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(tallies.allSatisfy { $0.allSatisfy(\.eachOnce) })
  }

  @Test("ranges() cuts consecutive pieces that cover everything", arguments: [0, 1, 9, 10, 11, 95])
  func ranges(count: Int) {
    let tally = Tally(count)
    Workers(2).ranges(count, grain: 10) { range in
      #expect(range.count <= 10 && range.lowerBound % 10 == 0)
      for index in range { tally.bump(index) }
    }
    #expect(tally.eachOnce)
  }

  @Test("Zero and nothing mean every CPU this process may use")
  func defaults() {
    #expect(Workers.available >= 1)
    #expect(Workers().count == Workers.available)
    #expect(Workers(0).count == Workers.available)
    #expect(Workers(5).count == 5)
  }

  @Test("A lock lets its own thread in again and keeps others out")
  func recursiveLock() {
    let lock = RecursiveLock()
    var sum = 0
    Workers(4).run(1000) { _ in
      lock.locked { lock.locked { sum += 1 } }
    }
    #expect(sum == 1000)
  }
}
