import Testing
@testable import ScrlKernels
