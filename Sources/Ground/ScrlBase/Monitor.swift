// A lock with a condition: what threads wait on.

import Glibc

package final class Monitor: RecursiveLock, @unchecked Sendable {
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package override init() {
    pthread_cond_init(condition, nil)
    super.init()
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Inside one `locked` only: lets others in until someone wakes; the caller checks again.
  package func wait() { pthread_cond_wait(condition, mutex) }

  package func wakeAll() { pthread_cond_broadcast(condition) }
}
