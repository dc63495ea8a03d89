import Testing
@testable import ScrlNN
