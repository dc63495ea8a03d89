import Testing
@testable import ScrlStore
