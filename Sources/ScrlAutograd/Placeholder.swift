import ScrlBase
