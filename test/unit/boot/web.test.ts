import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { getJson } from '#boot/web.ts'
import { refusalOf } from '../world.ts'

/** A runner that gives these answers one after the other, and then the last one again. */
async function runner(...answers: readonly ((response: ServerResponse) => void)[]) {
  const asked: unknown[] = []
  const server = createServer(({ url, headers }, response) => {
    asked.push([url, headers.authorization])
    answers[Math.min(asked.length, answers.length) - 1]?.(response)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { asked, url: `http://127.0.0.1:${port}/token?v=1&audience=a%26b` }
}

const answer =
  (status: number, body: string) =>
  (response: ServerResponse): void =>
    void response.writeHead(status).end(body)

describe('what a CI system’s runner serves its jobs', () => {
  it('is asked for with its own bearer token, as the URL stands', async () => {
    const { url, asked } = await runner(answer(200, '{"value":"x"}'))
    expect(await getJson(url, { bearer: 'b' })).toEqual({ status: 200, body: { value: 'x' } })
    expect(asked).toEqual([['/token?v=1&audience=a%26b', 'Bearer b']])
  })

  it('is asked for again where it has a bad moment', async () => {
    const cut = (response: ServerResponse): void => void response.destroy()
    const { url, asked } = await runner(answer(503, ''), answer(429, ''), cut, answer(200, '1'))
    expect(await getJson(url, { bearer: 'b' })).toEqual({ status: 200, body: 1 })
    expect(asked).toHaveLength(4)
  })

  it('is an answer also where it is a refusal, or nothing that can be read', async () => {
    const { url, asked } = await runner(answer(403, '{"no":1}'), answer(200, '<html>'))
    expect(await getJson(url, { bearer: 'b' })).toEqual({ status: 403, body: { no: 1 } })
    expect(await getJson(url, { bearer: 'b' })).toEqual({ status: 200, body: undefined })
    expect(asked).toHaveLength(2)
  })

  it('that is not to be had is told without what stands in the query or the header', async () => {
    const { url } = await runner(answer(500, 'secret'))
    const problem = await refusalOf(getJson(url, { bearer: 'secret' }))
    expect(problem.code).toBe('runner-unreachable')
    expect(problem.message).toMatch(/^no identity token from 127\.0\.0\.1:\d+: it answered 500$/)
    expect(JSON.stringify(problem.facts)).not.toMatch(/secret|audience/)
  })
})
