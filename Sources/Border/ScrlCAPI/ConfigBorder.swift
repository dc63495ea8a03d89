// scrl_config_*

import CScrl
import ScrlBase
import ScrlPretraining

final class ConfigHandle: Handle, @unchecked Sendable {
  override class var kind: String { "config" }
  var config: Config
  init(_ config: Config) { self.config = config }
}

/// A snapshot of a host's config, checked.
func checkedConfig(_ pointer: OpaquePointer?) throws(ScrlError) -> Config {
  let config = try anyConfig(pointer)
  try config.check()
  return config
}

private func anyConfig(_ pointer: OpaquePointer?) throws(ScrlError) -> Config {
  let handle = try Registry.shared.find(pointer, ConfigHandle.self)
  return handle.lock.locked { handle.config }
}

@c @implementation
public func scrl_config_new(
  _ preset: UnsafePointer<CChar>?, _ config: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(config, "config_new")
    let chosen = preset == nil ? Preset.standard : try Preset.named(try text(preset, "preset"))
    out.pointee = Registry.shared.add(ConfigHandle(chosen.config))
  }
}

@c @implementation
public func scrl_config_clone(
  _ config: OpaquePointer?, _ copy: UnsafeMutablePointer<OpaquePointer?>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let out = try result(copy, "config_clone")
    out.pointee = Registry.shared.add(ConfigHandle(try anyConfig(config)))
  }
}

@c @implementation
public func scrl_config_set(
  _ config: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let (key, value) = (try text(key, "config_set: key"), try text(value, "config_set: value"))
    try withHandle(config, ConfigHandle.self) { handle throws(ScrlError) in
      try handle.config.set(key, value)
    }
  }
}

@c @implementation
public func scrl_config_get(
  _ config: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ buffer: UnsafeMutablePointer<CChar>?,
  _ capacity: Int, _ length: UnsafeMutablePointer<Int>?
) -> scrl_status {
  border { () throws(ScrlError) in
    let value = try anyConfig(config).get(try text(key, "config_get: key"))
    try copyOut(value, buffer, capacity, length, "config_get")
  }
}

@c @implementation
public func scrl_config_check(_ config: OpaquePointer?) -> scrl_status {
  border { () throws(ScrlError) in _ = try checkedConfig(config) }
}

@c @implementation
public func scrl_config_key_count() -> Int { ConfigKey.all.count }

@c @implementation
public func scrl_config_key_at(
  _ index: Int, _ key: UnsafeMutablePointer<scrl_config_key>?
) -> scrl_status {
  border { () throws(ScrlError) in
    guard ConfigKey.all.indices.contains(index) else {
      throw ScrlError(
        .argument, "config_key_at: index \(index) · expected 0..<\(ConfigKey.all.count)")
    }
    let known = ConfigKey.all[index]
    var value = scrl_config_key()
    value.name = eternal(known.name)
    value.type = eternal(known.type)
    value.range = eternal(known.range)
    value.preset = eternal(known.read(Preset.standard.config))
    value.meaning = eternal(known.meaning)
    value.fixed = known.fixedBecause.map { eternal($0) }
    try writeStruct(value, to: key, "config_key_at")
  }
}

@c @implementation
public func scrl_config_preset_count() -> Int { Preset.all.count }

@c @implementation
public func scrl_config_preset_name(_ index: Int) -> UnsafePointer<CChar>? {
  Preset.all.indices.contains(index) ? eternal(Preset.all[index].name) : nil
}

@c @implementation
public func scrl_config_free(_ config: OpaquePointer?) {
  Registry.shared.remove(config, ConfigHandle.self)
}
