import { beforeEach, describe, expect, it } from 'vitest'
import { seededRandom } from '../lib/random.ts'
import { figure, forEachOf, proofTimeout, seed, whole } from './proof.ts'
import { protectedRoutes, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import { grantTypes, tokenHeaders } from './token-headers.ts'

beforeEach(() => {
  liftLimits()
})

describe('every forged token', () => {
  it('is refused by every route, in either header', proofTimeout, async ({ task }) => {
    const cart = uniqueId('cart')
    const cases = tokenHeaders.flatMap((header) =>
      header.forgeries.flatMap((forgery) =>
        grantTypes.map((grantType) => ({ header, forgery, grantType })),
      ),
    )
    const accepted: string[] = []
    let sent = 0

    await forEachOf(cases, { atOnce: 20 }, async ({ header, forgery, grantType }, index) => {
      const random = seededRandom(seed, index)
      const good = header.parts(header.kind === 'access' ? { grant_type: grantType } : {})
      const headers = await header.carry(await forgery.forge(good), grantType)
      // npm test runs a share; token-refusals.test.ts covers the other routes.
      const routes = whole ? protectedRoutes : [random.pick(protectedRoutes)]
      for (const route of routes) {
        const { status } = await route.send(headers, cart, 'account-1')
        sent += 1
        if (status !== header.refusal) {
          accepted.push(`${route.name}, ${header.kind} token, ${forgery.title}: ${status}`)
        }
      }
    })

    expect(accepted).toEqual([])
    expect(await rowsOf(cart)).toEqual([])
    task.meta.figures = [
      `forged tokens: ${figure(cases.length)} sent to ${protectedRoutes.length} routes in ${figure(sent)} requests, ${accepted.length} accepted`,
    ]
  })
})
