// The parallel loop. Which thread runs a task never shows in a result: a task writes what no other
// does, and sums over tasks are added in the order of the tasks.

import CParallel

package struct Workers: Sendable, Equatable {
  package let count: Int

  /// - Parameter count: threads to use, the caller among them; nil or 0: all this process may use.
  package init(_ count: Int? = nil) {
    let wanted = count ?? 0
    self.count = wanted > 0 ? wanted : Workers.available
  }

  /// CPUs this process may use: affinity ∩ cgroup quota.
  package static var available: Int { Int(cparallel_cpu_count()) }

  /// Runs body(i) for every i in 0..<tasks; returns when all are done. Bodies must not depend on
  /// each other. A nested call runs on the calling thread.
  package func run(_ tasks: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { escapable in
      var box = Body(call: escapable)
      withUnsafeMutablePointer(to: &box) { pointer in
        cparallel_run(
          Int32(clamping: count), tasks,
          { context, index in
            context!.assumingMemoryBound(to: Body.self).pointee.call(index)
          }, pointer)
      }
    }
  }

  /// Runs body over 0..<count cut into consecutive ranges of `grain` elements.
  package func ranges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let tasks = (count + grain - 1) / grain
    run(tasks) { task in
      body(task * grain..<Swift.min(count, (task + 1) * grain))
    }
  }

  /// Threads that a runtime's parallel region started by this thread really gets, for a backend
  /// that divides its work by that number. See `shareThreads`.
  package var team: Int { Int(cparallel_team(Int32(clamping: count))) }

  /// Makes another runtime's threads the one pool of this process.
  /// - Parameter region: its GOMP_parallel.
  package static func shareThreads(_ region: @escaping Region) { cparallel_use(region) }

  package typealias Region =
    @convention(c) (
      (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, UnsafeMutableRawPointer?, UInt32, UInt32
    ) -> Void

  private struct Body { let call: (Int) -> Void }
}

/// True when this CPU has the instructions that this build was compiled for.
package func cpuIsSupported() -> Bool { cparallel_cpu_is_supported() == 1 }

/// The vector instructions that this build was compiled for: "AVX2", "SSE2", …
package func instructionSet() -> String { String(cString: cparallel_instruction_set()) }
