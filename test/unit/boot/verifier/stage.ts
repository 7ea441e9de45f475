import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createTcp, type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir, uptime } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemEntropy } from '#boot/system.ts'
import { startVerifier, type Surroundings } from '#boot/verifier/shell.ts'
import type { Alarm, Decision, Verifier, VerifierOptions } from '#boot/verifier/types.ts'
import { AUDIENCE, ISSUER, type TestAuthority } from './test-authority.ts'

export const optionsFor = (authority: Pick<TestAuthority, 'url'>): VerifierOptions => ({
  issuer: ISSUER,
  audience: AUDIENCE,
  url: authority.url,
  name: 'api-1',
})

/** The real machine, but less patient with a start. */
export const machine: Surroundings = {
  clock: {
    steadyMs: () => performance.now(),
    wallMs: () => Date.now(),
    uptimeSeconds: () => uptime(),
  },
  entropy: systemEntropy,
  version: '0',
  startMsMax: 1500,
  waitMsMax: 250,
}

export async function started(
  authority: Pick<TestAuthority, 'url'>,
  options: Partial<VerifierOptions> = {},
  surroundings = machine,
): Promise<Verifier & { readonly alarms: string[] }> {
  const alarms: string[] = []
  const onAlarm = ({ detail }: Alarm) => void alarms.push(detail)
  const verifier = await startVerifier(
    { ...optionsFor(authority), onAlarm, ...options },
    surroundings,
  )
  onTestFinished(() => verifier.close())
  return Object.assign(verifier, { alarms })
}

/** A machine on which what is certain to come is waited for, however busy it is. */
export const patient: Surroundings = { ...machine, startMsMax: 60_000, waitMsMax: 60_000 }

export const ended = (verifier: Verifier, token: string | Decision): Promise<Decision> =>
  new Promise((resolve) => verifier.onRevoked(token, resolve))

/** Bytes passed on, unless and until a test stops them; what came from the authority may be changed. */
export async function proxyTo(url: string) {
  const sockets = new Set<Socket>()
  const state = { isStalled: false, change: (text: string): string => text }
  const server = createTcp((near) => {
    const far = connect(Number(new URL(url).port), '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    }
    near.on('data', (chunk) => void (state.isStalled || far.write(chunk)))
    far.on('data', (chunk) => void (state.isStalled || near.write(state.change(String(chunk)))))
    near.on('close', () => far.destroy())
    far.on('close', () => state.isStalled || near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(() => {
    server.close()
    cut()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(state, { url: `http://127.0.0.1:${port}`, cut })
}

export async function stateFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'credctl-state-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'state')
}
