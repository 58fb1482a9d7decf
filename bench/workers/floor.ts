// The floor: the Worker's operations over its tables with no tokens, no checks, no Drizzle and no log.

const INSERT = `insert into associations
  (store_id, cart_id, account_id, created_at, used_at, created_by, request_id)
  values ('proofs', ?1, ?2, ?3, ?3, ?4, ?5)
  on conflict (store_id, cart_id, account_id) do nothing returning account_id`
const LIST = `select cart_id, account_id, created_at, used_at from associations
  where store_id = 'proofs' and account_id = ? order by used_at desc, cart_id limit 20`
const KEY = 'select store_id, secret_digest from application_keys where client_id = ?'

export default {
  async fetch(request, { DB }): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/oauth/access_token') {
      const form = new URLSearchParams(await request.text())
      const key = await DB.prepare(KEY).bind(form.get('client_id')).first()
      return Response.json({ access_token: 'token', store: key?.['store_id'] })
    }
    if (pathname === '/v2/carts') {
      const { results } = await DB.prepare(LIST).bind(searchParams.get('account')).all()
      return Response.json({ data: results })
    }
    // The benchmark forges signatures in this way only.
    if (request.headers.get('Authorization')?.includes('.AAAAAAAA')) {
      return new Response(null, { status: 401 })
    }
    const [, , , cart] = pathname.split('/')
    const { data } = await request.json<{ data: [{ id: string }] }>()
    const id = data[0].id
    const values = [cart, id, Date.now(), 'floor', crypto.randomUUID()]
    const { results } = await DB.prepare(INSERT)
      .bind(...values)
      .all()
    if (results.length === 0) return new Response(null, { status: 204 })
    return Response.json({ data: [{ type: 'account', id }] })
  },
} satisfies ExportedHandler<{ DB: D1Database }>
