import { retrying } from '#client/retry.ts'
import type { Web } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'
import { reasonOf } from './http-transport.ts'
import { systemClock, systemEntropy } from './system.ts'
import { VERSION } from './version.ts'

const ANSWER_MS_MAX = 10_000
/** An identity token is a few kilobytes. */
const ANSWER_BYTES_MAX = 256 * 1024

/** Through the proxy of the environment, as everything else that a job asks for. */
export const getJson: Web['getJson'] = (url, { bearer }) =>
  retrying({ clock: systemClock, entropy: systemEntropy }, async () => {
    const { EnvHttpProxyAgent, request } = await import('undici')
    const host = URL.parse(url)?.host ?? 'an address that is none'
    const dispatcher = new EnvHttpProxyAgent({ maxResponseSize: ANSWER_BYTES_MAX })
    try {
      const { statusCode: status, body } = await request(url, {
        dispatcher,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${bearer}`,
          'user-agent': `credctl/${VERSION}`,
        },
      })
      const text = await body.text()
      if (status === 429 || 500 <= status) return unreachable(host, `it answered ${status}`)
      return { status, body: jsonOf(text) }
    } catch (failure) {
      if (failure instanceof Error && failure.name === 'Problem') throw failure
      return unreachable(host, reasonOf(failure))
    } finally {
      await dispatcher.close()
    }
  })

/** The address alone: its query may hold what is not meant for a log. */
const unreachable = (host: string, why: string): never =>
  refuse('runner-unreachable', `no identity token from ${host}: ${why}`, {
    next: 'run the job again; where it lasts, look at the status page of the CI system',
    facts: { host },
  })

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
