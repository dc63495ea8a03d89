import Testing
@testable import ScrlMethod
