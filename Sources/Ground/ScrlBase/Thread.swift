// A thread of the library's own. It blocks every signal: those are the host's.

import Glibc

package final class Thread {
  private var handle = pthread_t()
  private var joined = false

  /// - Throws: `.memory` when the system gives no thread.
  package init(_ body: @escaping @Sendable () -> Void) throws(ScrlError) {
    let box = Unmanaged.passRetained(Body(body))
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let status = pthread_create(
      &handle, nil,
      { argument in
        if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().call() }
        return nil
      }, box.toOpaque())
    guard status == 0 else {
      box.release()
      throw ScrlError(.memory, "thread: \(String(cString: strerror(status)))")
    }
  }

  package func join() {
    guard !joined else { return }
    joined = true
    pthread_join(handle, nil)
  }

  private final class Body {
    let call: @Sendable () -> Void
    init(_ call: @escaping @Sendable () -> Void) { self.call = call }
  }
}
