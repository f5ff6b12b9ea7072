"""What clients are told as it happens, over Socket.IO."""
