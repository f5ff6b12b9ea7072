"""GraphQL over the same read models and the same feed as REST and Socket.IO."""
