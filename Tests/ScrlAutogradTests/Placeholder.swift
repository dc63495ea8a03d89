import Testing
@testable import ScrlAutograd
