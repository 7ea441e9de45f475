import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo } from '#boot/connect.ts'
import type { Admin } from '#contract/admin-api.ts'
import { child, said } from './children.ts'
import { nowMs } from './children/now.ts'
import { atMost, count, median, milliseconds, type Row, type Suite } from './harness.ts'
import { addCredentials, openSeeded } from './seed.ts'

const AUDIENCE = 'https://api.example.com'
const ROUNDS = 7
/**
 * A program runs several times as slow at first, and a bare one is as good as it gets only after some
 * events. Verifiers have had heads all the while, so fewer revocations make them as warm.
 */
const WARM_ROUNDS = 2
const BARE_WARM_ROUNDS = 20
/** Between two of what is timed both sides have nothing to do but what they always do. */
const PAUSE_MS = 300

/**
 * One revocation to every connected verifier, from the request to the last decision, beside one event
 * from a bare server to as many bare listeners. Server and listeners are processes of their own, all
 * the listeners in one, so two cores have the same work to share in both. The bare event is as long as
 * what a stream is written: an entry and a head. Meanwhile verifiers are sent heads, once a second, and
 * the bare ones nothing. No revocation is timed before every verifier's word on the last one is durable.
 */
export const fanout: Suite = {
  name: 'fanout',
  async run({ isQuick }) {
    const rows: Row[] = []
    const sizes = isQuick ? [200, 1000] : [1000, 5000]
    for (const size of sizes) {
      const bareMs = await bare(size)
      const { ms, acknowledgedMs, kilobytes } = await revoked(size, 1000)
      rows.push(
        atMost(
          `one revocation to ${count(size)} verifiers, to the last decision`,
          [
            { label: 'revocation', ms },
            { label: 'bare event', ms: bareMs },
          ],
          2,
        ),
        {
          name: `the last of their words on it is durable`,
          figure: milliseconds(acknowledgedMs),
          ours: `${count(size)} acknowledgements`,
          peer: '',
          measured: acknowledgedMs,
          target: '',
          isReached: true,
        },
        {
          name: 'memory of the server for a connected verifier',
          figure: `${Math.round(kilobytes)} kB`,
          ours: `resident set, ${count(size)} verifiers`,
          peer: '',
          measured: kilobytes,
          target: '',
          isReached: true,
        },
      )
    }
    const few = await revoked(1000, 1000)
    const many = await revoked(1000, isQuick ? 100_000 : 1_000_000)
    rows.push(
      atMost(
        `it hits ${count(many.tokens)} tokens instead of ${count(few.tokens)}, 1,000 verifiers`,
        [
          { label: count(many.tokens), ms: many.ms },
          { label: count(few.tokens), ms: few.ms },
        ],
        1.3,
      ),
      {
        name: 'its entry in the feed',
        figure: `${many.entryBytes} bytes`,
        ours: `${count(many.tokens)} tokens`,
        peer: '',
        measured: many.entryBytes,
        target: '≤ 250 bytes',
        isReached: many.entryBytes <= 250,
      },
    )
    return rows
  },
}

async function bare(size: number): Promise<number> {
  const server = child('bare-server', [])
  try {
    const { url } = (await said(server, 'ready')) as { url: string }
    const listeners = child('bare-listeners', ['--url', url, '--count', String(size)])
    try {
      await said(listeners, 'ready')
      const times: number[] = []
      for (let round = 0; round < BARE_WARM_ROUNDS + ROUNDS; round++) {
        await sleep(PAUSE_MS)
        const all = said(listeners, 'all')
        const begunMs = nowMs()
        await fetch(url, { method: 'POST', body: '{}' })
        const { atMs } = (await all) as { atMs: number }
        if (BARE_WARM_ROUNDS <= round) times.push(atMs - begunMs)
      }
      return median(times)
    } finally {
      listeners.kill('SIGKILL')
    }
  } finally {
    server.kill('SIGKILL')
  }
}

interface Delivered {
  readonly ms: number
  readonly tokens: number
  readonly entryBytes: number
  /** From publication to the last acknowledgement. */
  readonly acknowledgedMs: number
  /** By which the server has grown, a verifier. */
  readonly kilobytes: number
}

/** A new client and its tokens each round; all but one of them only on record. */
async function revoked(size: number, tokens: number): Promise<Delivered> {
  const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
  const dataDir = join(folder, 'data')
  const rounds = WARM_ROUNDS + (tokens <= 10_000 ? ROUNDS : 2)
  try {
    const seeded = await openSeeded(dataDir)
    for (let round = 0; round < rounds; round++) {
      await addCredentials(seeded, tokens - 1, () => `client-${round}`)
    }
    await seeded.close()
    const server = await served(dataDir)
    try {
      return await deliver(server, { size, tokens, rounds, dataDir })
    } finally {
      server.process.kill('SIGKILL')
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function deliver(
  server: Served,
  {
    size,
    tokens,
    rounds,
    dataDir,
  }: { size: number; tokens: number; rounds: number; dataDir: string },
): Promise<Delivered> {
  const before = residentKilobytes(server.process)
  const verifiers = child('verifiers', [
    '--url',
    server.url,
    '--issuer',
    server.issuer,
    '--audience',
    AUDIENCE,
    '--count',
    String(size),
  ])
  const { admin, close } = await administer(dataDir)
  try {
    await said(verifiers, 'ready')
    const kilobytes = (residentKilobytes(server.process) - before) / size
    const all: Timed[] = []
    for (let round = 0; round < rounds; round++) {
      const one = await revokeOnce(admin, verifiers, { clientId: `client-${round}`, size, tokens })
      if (WARM_ROUNDS <= round) all.push(one)
    }
    return {
      ms: median(all.map((one) => one.ms)),
      acknowledgedMs: median(all.map((one) => one.acknowledgedMs)),
      entryBytes: Math.max(...all.map((one) => one.entryBytes)),
      tokens,
      kilobytes,
    }
  } finally {
    verifiers.kill('SIGKILL')
    await close()
  }
}

type Timed = Pick<Delivered, 'ms' | 'entryBytes' | 'acknowledgedMs'>

async function revokeOnce(
  admin: Admin,
  verifiers: ChildProcess,
  { clientId, size, tokens }: { clientId: string; size: number; tokens: number },
): Promise<Timed> {
  const issued = await admin.issueTokens({ clientId, scopes: ['read'] })
  const watching = said(verifiers, 'watching')
  verifiers.send({ token: issued.items[0]?.token })
  const { accepted } = (await watching) as { accepted: number }
  if (accepted !== size) throw new Error(`${accepted} of ${size} accepted the token at first`)
  const request = { selector: { clients: [clientId] }, reason: 'testing' as const }
  const { hash: planHash, matched } = await admin.planRevocation(request)
  if (matched?.credentials !== tokens) throw new Error(`${matched?.credentials} of ${tokens}`)
  await sleep(PAUSE_MS)
  const all = said(verifiers, 'all')
  const begunMs = nowMs()
  const { revocation } = await admin.revoke({ ...request, planHash })
  const { atMs } = (await all) as { atMs: number }
  if (revocation === undefined) throw new Error('nothing was revoked')
  const { entries } = await admin.listFeedEntries({ after: revocation.position - 1, limit: 1 })
  return {
    ms: atMs - begunMs,
    acknowledgedMs: await allAcknowledged(admin, revocation.id, size),
    entryBytes: Buffer.byteLength(entries[0] ?? ''),
  }
}

async function allAcknowledged(admin: Admin, id: string, size: number): Promise<number> {
  for (;;) {
    await sleep(PAUSE_MS)
    const { state, verifiers, acknowledgedMs } = await admin.showEnforcement({ id })
    if (state !== 'enforced') continue
    if (verifiers.acknowledged !== size)
      throw new Error(`${verifiers.acknowledged} of ${size} said so`)
    return acknowledgedMs?.max ?? Number.NaN
  }
}

/** Nothing but the system knows it of another process. */
const residentKilobytes = ({ pid }: ChildProcess): number =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }))

/** The local administrator, through the server's socket. */
async function administer(
  dataDir: string,
): Promise<{ readonly admin: Admin; readonly close: () => Promise<void> }> {
  const closing: (() => Promise<void>)[] = []
  const admin = await connectTo({ kind: 'embedded', dataDir }, process.env, {
    onDispose: (close) => closing.push(close),
    warn: () => undefined,
  })
  return {
    admin,
    close: async () => {
      for (const close of closing) await close()
    },
  }
}

export interface Served {
  readonly url: string
  readonly issuer: string
  readonly process: ChildProcess
}

/** The built program, as an operator starts it. */
export async function served(dataDir: string): Promise<Served> {
  const bin = join(import.meta.dirname, '..', '..', 'bin', 'credctl.js')
  const argv = [bin, 'serve', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '-o', 'json']
  const process_ = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await new Promise<string>((told, fail) => {
    let out = ''
    process_.once('exit', (status) => fail(new Error(`serve ended with ${status}`)))
    process_.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      if (out.includes('\n')) told(out.slice(0, out.indexOf('\n')))
    })
  })
  const { url, issuer } = JSON.parse(line) as { url: string; issuer: string }
  return { url, issuer, process: process_ }
}
