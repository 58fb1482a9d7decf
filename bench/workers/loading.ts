// How long an isolate takes to load the bundle, which happens once and is answered at the first request.

export default {
  async fetch(): Promise<Response> {
    const startedAt = performance.now()
    await import('./app.js')
    return Response.json(performance.now() - startedAt)
  },
} satisfies ExportedHandler
