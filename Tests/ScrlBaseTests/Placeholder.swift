import Testing
@testable import ScrlBase
