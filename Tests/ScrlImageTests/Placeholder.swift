import Testing
@testable import ScrlImage
