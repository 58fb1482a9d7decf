// The bundle that the Workers of the benchmark and of the proofs stand around.
declare module '*/app.js' {
  const app: {
    fetch(request: Request, bindings: object, context: ExecutionContext): Promise<Response>
    scheduled(controller: object, bindings: object): Promise<void>
  }
  export default app
}
