import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ISSUER } from '../world.ts'
import { served } from './served.ts'

const PATH = '/oauth/status-lists'
const TYPE = 'application/statuslist+jwt'

async function stage() {
  const it = await served()
  await it.token()
  const [uri = ''] = (await it.app.inject(PATH)).json<{ status_lists: string[] }>().status_lists
  const url = uri.slice(ISSUER.length)
  const get = (headers: Record<string, string> = {}, more = '') =>
    it.app.inject({ method: 'GET', url: `${url}${more}`, headers })
  return { ...it, url, get }
}

describe('a status list over HTTP', () => {
  it('is had by anybody, under its own media type, for as long as it says itself', async () => {
    const { world, get } = await stage()
    const answer = await get({ accept: TYPE })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': TYPE,
      'cache-control': 'public, max-age=60',
      'access-control-allow-origin': '*',
      vary: 'accept, accept-encoding',
      etag: expect.stringMatching(/^"[\w-]{22}"$/),
    })
    expect(answer.body.split('.')).toHaveLength(3)
    world.clock.advance(12_500)
    expect((await get()).headers['cache-control']).toBe('public, max-age=47')
    expect((await get()).body).toBe(answer.body)
  })

  it('is compressed for those who ask for it, under a tag of its own', async () => {
    const { get } = await stage()
    const plain = await get()
    const zipped = await get({ 'accept-encoding': 'br, GZIP;q=0.5' })
    expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-type': TYPE })
    expect(gunzipSync(zipped.rawPayload).toString()).toBe(plain.body)
    expect(zipped.headers.etag).toBe(String(plain.headers.etag).replace(/"$/, '.gz"'))
    for (const coding of ['br', 'gzip;q=0', 'gzip; q=0.000, br']) {
      expect((await get({ 'accept-encoding': coding })).headers['content-encoding']).toBeUndefined()
    }
  })

  it('is not sent again to whoever has it, until it is another', async () => {
    const { world, get } = await stage()
    const tag = String((await get()).headers.etag)
    for (const known of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      const answer = await get({ 'if-none-match': known })
      expect([answer.statusCode, answer.body]).toEqual([304, ''])
      expect(answer.headers).toMatchObject({ etag: tag, 'cache-control': 'public, max-age=60' })
    }
    world.clock.advance(1000)
    await world.admin.revoke({ selector: { clients: ['ops'] }, reason: 'testing' })
    const after = await get({ 'if-none-match': tag })
    expect(after.statusCode).toBe(200)
    expect(after.headers.etag).not.toBe(tag)
  })

  it.each([
    ['', 200],
    ['*/*', 200],
    ['text/html, application/*;q=0.1', 200],
    ['Application/StatusList+JWT; q=1', 200],
    ['application/statuslist+cwt', 406],
    [`${TYPE};q=0`, 406],
    ['text/html', 406],
  ])('Accept: %s is answered with %i', async (accept, status) => {
    const { get } = await stage()
    expect((await get({ accept })).statusCode).toBe(status)
  })

  it('of another time is not kept, and says so', async () => {
    const { get } = await stage()
    const answer = await get({}, '?time=1795460880')
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      501,
      'history-unsupported',
    ])
    expect(answer.headers['access-control-allow-origin']).toBe('*')
  })

  it('that is unknown is 404, and by another method 405', async () => {
    const { app, url, faults } = await stage()
    for (const path of [`${PATH}/x`, `${PATH}/${'y'.repeat(300)}`, `${PATH}/%00`]) {
      const answer = await app.inject(path)
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
        404,
        'status-list-unknown',
      ])
    }
    const posted = await app.inject({ method: 'POST', url })
    expect([posted.statusCode, posted.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
    expect((await app.inject({ method: 'HEAD', url })).statusCode).toBe(200)
    expect(faults).toEqual([])
  })

  it('may be asked for by a page of anybody, with what it knows already', async () => {
    const { app, url } = await stage()
    const answer = await app.inject({ method: 'OPTIONS', url })
    expect(answer.statusCode).toBe(204)
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'accept, if-none-match',
    })
  })

  it('that cannot be signed now says when to come again', async () => {
    const { world, get } = await stage()
    world.clock.set((world.clock.now() - 60_000) as never)
    expect((await get()).statusCode).toBe(503)
  })
})

describe('all status lists', () => {
  it('stand in one document, which the metadata names', async () => {
    const { app, url } = await stage()
    const answer = await app.inject(PATH)
    expect(answer.json()).toEqual({ status_lists: [`${ISSUER}${url}`] })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'access-control-allow-origin': '*',
    })
    const found = await app.inject('/.well-known/oauth-authorization-server')
    expect(found.json()).toMatchObject({ status_list_aggregation_endpoint: `${ISSUER}${PATH}` })
  })
})
