import { describe, expect, it } from 'vitest'
import { entriesOf, feedServer, headAt } from './feed-server.ts'

const revocation = { selector: { clients: ['a'] }, reason: 'testing', count: false } as const

describe('the feed as it is streamed', () => {
  it('brings what was, a head, and then what happens', async () => {
    const { sync, follow, admin, deps } = await feedServer()
    const { incarnation, claims } = await sync()
    const stream = await follow(incarnation)
    expect(stream.status).toBe(200)
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      connection: 'close',
    })
    expect(stream.headers['transfer-encoding']).toBeUndefined()
    await stream.until(headAt(claims.position))
    const { revocation: made } = await admin.revoke(revocation)
    const head = await stream.until(headAt(made?.position ?? 0))
    expect(head.nonce).toBeUndefined()
    const rows = await deps.store.read((tx) => tx.feedEntries(0, 100))
    expect(entriesOf(stream.events).map(({ id, data }) => ({ id, data }))).toEqual(
      rows.map(({ position, bytes }) => ({
        id: position,
        data: new TextDecoder().decode(bytes),
      })),
    )
  })
})
