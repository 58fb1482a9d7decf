// The bundle that the Workers of the benchmark stand around.
declare module '*/app.js' {
  const app: {
    fetch(request: Request, bindings: object, context: ExecutionContext): Promise<Response>
  }
  export default app
}
