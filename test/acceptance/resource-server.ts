import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, vi } from 'vitest'
import type { VerifierOptions, VerifierStatus } from '#boot/verifier/types.ts'
import type { Home, Json, Running } from './harness.ts'

const CHILD = fileURLToPath(new URL('children/resource-server.ts', import.meta.url))

export const AUDIENCE = 'https://api.example.com'

/** A resource server in a process of its own, as its users and its operator see it. */
export interface ResourceServer extends Running {
  readonly url: string
  /** What its verifier decides. */
  readonly decide: (token: string, signal?: AbortSignal) => Promise<Json>
  readonly verdict: (token: string) => Promise<string>
  /** What its middleware answers. */
  readonly get: (headers?: Record<string, string>) => Promise<Response>
  /** Resolves with what ended a stream that was held open with this token. */
  readonly watch: (token: string) => Promise<{ readonly ended: Promise<Json> }>
  readonly status: () => Promise<VerifierStatus>
  readonly alarms: () => Promise<readonly string[]>
  readonly signal: (signal: NodeJS.Signals) => void
}

/** Starts one, with the SDK as it is built, and waits until it listens. */
export async function resourceServer(
  home: Home,
  options: Omit<Partial<VerifierOptions>, 'onAlarm' | 'signal'>,
): Promise<ResourceServer> {
  const given = { audience: AUDIENCE, mode: 'strict', ...options }
  const running = home.start([], { node: [CHILD, JSON.stringify(given)] })
  const { url } = JSON.parse(await running.firstLine) as { url: string }
  const ask = async (path: string, init: RequestInit = {}): Promise<Json> =>
    (await fetch(url + path, init)).json()
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const decide: ResourceServer['decide'] = (token, signal) =>
    ask('/decide', { headers: bearer(token), ...(signal === undefined ? {} : { signal }) })
  return {
    ...running,
    url,
    decide,
    verdict: async (token) => (await decide(token)).verdict,
    get: (headers = {}) => fetch(`${url}/guarded`, { headers }),
    async watch(token) {
      const response = await fetch(`${url}/watch`, { headers: bearer(token) })
      return { ended: response.json() }
    },
    status: () => ask('/status'),
    alarms: () => ask('/alarms'),
    signal: (signal) => void running.child.kill(signal),
  }
}

/** Waits until something holds. */
export const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 30_000, interval: 20 })

export const becomes = (server: ResourceServer, token: string, verdict: string): Promise<unknown> =>
  eventually(async () => expect(await server.verdict(token)).toBe(verdict))

/** Stops a process, and sees to it that it goes on before it is killed at the end. */
export function suspend(server: ResourceServer): { readonly resume: () => void } {
  server.signal('SIGSTOP')
  const resume = (): void => server.signal('SIGCONT')
  onTestFinished(resume)
  return { resume }
}

/** Ends a process as a power cut does. */
export async function kill(running: Running): Promise<void> {
  running.kill('SIGKILL')
  if (running.child.exitCode === null && running.child.signalCode === null) {
    await once(running.child, 'exit')
  }
}
