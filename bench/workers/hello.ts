// The least that Hono does: what the own CPU of the service is measured above.
import { Hono } from 'hono/tiny'

const app = new Hono()

app.all('*', (c) => c.text('hello'))

export default app
