/**
 * `credctl serve` as it is, in a fresh folder, with one client that has a secret of ours; only its rate
 * limits are raised, since they are there to end what a benchmark does.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, openAuthority } from '#boot/authority.ts'
import { connectTo, localCaller } from '#boot/connect.ts'
import { startServer } from '#boot/server.ts'

const UNLIMITED = { perSecond: 1e9, burst: 1e9 }

async function main(): Promise<void> {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'credctl-bench-')), 'data')
  await createAuthority(dataDir, 'http://127.0.0.1:7420', process.env, localCaller())
  const connecting = { onDispose: () => undefined, warn: () => undefined }
  const admin = await connectTo({ kind: 'embedded', dataDir }, process.env, connecting)
  const { clientSecret } = await admin.createClient({
    id: 'bench',
    scopes: ['read'],
    audiences: ['https://api.example.com'],
    auth: 'secret',
  })
  const onFault = (fault: unknown): never => {
    throw fault
  }
  const authority = openAuthority(dataDir, process.env, onFault)
  const { policy } = authority.deps
  const limits = {
    issue: { perClient: UNLIMITED },
    oauth: { perAddress: UNLIMITED, failuresPerAddress: UNLIMITED },
  }
  const deps = { ...authority.deps, policy: { ...policy, limits } }
  const { serving } = await startServer(
    { ...authority, deps },
    { listen: '127.0.0.1:0', behindProxy: false, confirmClock: false },
    { local: localCaller(), onFault, warn: () => undefined, runOnFrom: () => undefined },
  )
  process.send?.({ kind: 'ready', url: serving.url, secret: clientSecret, dataDir })
}

await main()
