import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectTo } from '#boot/connect.ts'
import type { Admin } from '#contract/admin-api.ts'
import { child, said } from './children.ts'
import { nowMs } from './children/now.ts'
import { atMost, count, median, type Row, type Suite } from './harness.ts'
import { addCredentials, openSeeded } from './seed.ts'

const AUDIENCE = 'https://api.example.com'
const ROUNDS = 5

/**
 * One revocation to every connected verifier, from the request to the last decision, beside one event
 * from a bare server to as many bare listeners. Server and listeners are processes of their own, all
 * the listeners in one, so two cores have the same work to share in both.
 */
export const fanout: Suite = {
  name: 'fanout',
  async run({ isQuick }) {
    const rows: Row[] = []
    const sizes = isQuick ? [200, 1000] : [1000, 5000]
    for (const size of sizes) {
      const bareMs = await bare(size)
      const { ms } = await revoked(size, 1000)
      rows.push(
        atMost(
          `one revocation to ${count(size)} verifiers, to the last decision`,
          [
            { label: 'revocation', ms },
            { label: 'bare event', ms: bareMs },
          ],
          2,
        ),
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
      for (let round = 0; round <= ROUNDS; round++) {
        const all = said(listeners, 'all')
        const begunMs = nowMs()
        await fetch(url, { method: 'POST', body: '{}' })
        const { atMs } = (await all) as { atMs: number }
        if (0 < round) times.push(atMs - begunMs)
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
}

/** A new client and its tokens each round; all but one of them only on record. */
async function revoked(size: number, tokens: number): Promise<Delivered> {
  const folder = mkdtempSync(join(tmpdir(), 'credctl-bench-'))
  const dataDir = join(folder, 'data')
  const rounds = tokens <= 10_000 ? ROUNDS : 2
  try {
    const seeded = await openSeeded(dataDir)
    for (let round = 0; round <= rounds; round++) {
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
    const times: number[] = []
    let entryBytes = 0
    for (let round = 0; round <= rounds; round++) {
      const clientId = `client-${round}`
      const issued = await admin.issueTokens({ clientId, scopes: ['read'] })
      const watching = said(verifiers, 'watching')
      verifiers.send({ token: issued.items[0]?.token })
      const { accepted } = (await watching) as { accepted: number }
      if (accepted !== size) throw new Error(`${accepted} of ${size} accepted the token at first`)
      const request = { selector: { clients: [clientId] }, reason: 'testing' as const }
      const { hash: planHash, matched } = await admin.planRevocation(request)
      if (matched?.credentials !== tokens) throw new Error(`${matched?.credentials} of ${tokens}`)
      const all = said(verifiers, 'all')
      const begunMs = nowMs()
      const { revocation } = await admin.revoke({ ...request, planHash })
      const { atMs } = (await all) as { atMs: number }
      if (0 < round) times.push(atMs - begunMs)
      const after = (revocation?.position ?? 1) - 1
      const { entries } = await admin.listFeedEntries({ after, limit: 1 })
      entryBytes = Buffer.byteLength(entries[0] ?? '')
    }
    return { ms: median(times), tokens, entryBytes }
  } finally {
    verifiers.kill('SIGKILL')
    await close()
  }
}

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

interface Served {
  readonly url: string
  readonly issuer: string
  readonly process: ChildProcess
}

/** The built program, as an operator starts it. */
async function served(dataDir: string): Promise<Served> {
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
