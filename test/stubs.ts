// Stand-ins for bindings whose real state would take many requests to reach.

/** A rate limit that is always exceeded. */
export const exhaustedLimit: RateLimit = { limit: async () => ({ success: false }) }
