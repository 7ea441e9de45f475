import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Agent, request } from 'undici'
import type { Home, Json } from './harness.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Json
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type Api = (path: string, call?: Call) => Promise<Answer>

/** The served admin API as the local administrator has it, with nothing of ours in between. */
export function socketApi({ dataDir }: Home, socketPath = join(dataDir, 'serve.sock')): Api {
  const agent = new Agent({ connect: { socketPath } })
  return caller('http://localhost', agent)
}

/** What is served at a URL; for a server with a certificate of its own, with its `ca`. */
export function urlApi(url: string, ca?: string): Api {
  return caller(url, new Agent({ connect: ca === undefined ? {} : { ca } }))
}

function caller(origin: string, dispatcher: Agent): Api {
  onTestFinished(() => dispatcher.destroy())
  return async (path, { method = 'GET', body, headers = {} } = {}) => {
    const answer = await request(`${origin}${path}`, {
      dispatcher,
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(text) as Json }
  }
}
