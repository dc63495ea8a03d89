// Our parallel loops in oneDNN's pool: the same guarantees as in our own.

import Glibc
import ScrlBase
import TestSupport
import Testing

@testable import ScrlOneDNN

/// A counter per index, safe to bump from any thread.
private final class Tally: @unchecked Sendable {
  private let lock = RecursiveLock()
  private var counts: [Int]
  init(_ count: Int) { counts = [Int](repeating: 0, count: count) }
  func bump(_ index: Int) { lock.locked { counts[index] += 1 } }
  var eachOnce: Bool { lock.locked { counts.allSatisfy { $0 == 1 } } }
}

@Suite("One thread pool", .enabled(if: TestEngine.all.contains(.onednn)))
struct SharedPoolTests {
  let workers: Workers
  init() throws { workers = try OneDNNEngine(workers: Workers(3), winograd: .never).workers }

  @Test("Each index runs once, a nested loop runs all of its own", arguments: [0, 1, 2, 100])
  func eachOnce(tasks: Int) {
    for _ in 0..<50 {
      let (tally, nested) = (Tally(tasks), Tally(tasks * 7))
      workers.run(tasks) { outer in
        tally.bump(outer)
        workers.run(7) { nested.bump(outer * 7 + $0) }
      }
      #expect(tally.eachOnce && nested.eachOnce)
    }
  }

  @Test("Loops of several callers at once do not mix")
  func concurrentCallers() {
    let tallies = (0..<4).map { _ in (0..<50).map { _ in Tally(20) } }
    let threads = tallies.map { mine in
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { raw in
          let mine = Unmanaged<Caller>.fromOpaque(raw!).takeRetainedValue().tallies
          for tally in mine { Workers(3).run(20) { tally.bump($0) } }
          return nil
        }, Unmanaged.passRetained(Caller(mine)).toOpaque())
      return thread
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(tallies.allSatisfy { $0.allSatisfy(\.eachOnce) })
  }

  @Test("A caller gets the team it asks for; inside a loop it is alone")
  func team() {
    #expect(workers.team == 3)
    #expect(Workers(1).team == 1)
    let alone = Tally(10)
    workers.run(10) { if workers.team == 1 { alone.bump($0) } }
    #expect(alone.eachOnce)
  }

  @Test("The pool's threads block the host's signals")
  func signals() {
    let (caller, good) = (pthread_self(), Tally(64))
    workers.run(64) { index in
      var set = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &set)
      if pthread_self() == caller || sigismember(&set, SIGINT) == 1 { good.bump(index) }
      usleep(200)  // so that others take some
    }
    #expect(good.eachOnce)
  }

  private final class Caller {
    let tallies: [Tally]
    init(_ tallies: [Tally]) { self.tallies = tallies }
  }
}
