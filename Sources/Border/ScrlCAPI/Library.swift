// The library about itself: version, build, errors, log.

import CScrl
import ScrlBase

@c @implementation
public func scrl_version() -> UnsafePointer<CChar>? { eternal(libraryVersion) }

@c @implementation
public func scrl_abi() -> Int32 { SCRL_ABI }

@c @implementation
public func scrl_build_info() -> UnsafePointer<CChar>? { eternal(buildInfo()) }

@c @implementation
public func scrl_status_name(_ status: scrl_status) -> UnsafePointer<CChar>? {
  if status == scrl_status(SCRL_OK) { return eternal("SCRL_OK") }
  return eternal(ScrlError.Code(rawValue: status)?.name ?? "SCRL_E_?")
}

@c @implementation
public func scrl_last_error() -> UnsafePointer<CChar>? { LastError.text }

@c @implementation
public func scrl_log_set(_ log: scrl_log_fn?, _ user: UnsafeMutableRawPointer?) {
  guard let log else { return Log.shared.setSink(nil) }
  let sink = HostLog(call: log, user: user)
  Log.shared.setSink { line in line.withCString { sink.call($0, sink.user) } }
}

/// A host's function and its data: the host vouches for using them from any thread.
private struct HostLog: @unchecked Sendable {
  let call: scrl_log_fn
  let user: UnsafeMutableRawPointer?
}
