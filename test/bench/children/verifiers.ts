/* oxlint-disable import/no-dynamic-require -- what is built may not be there when types are checked */
/**
 * Verifiers of the SDK as an application has them, from the built package: each with a connection of
 * its own to the authority, and a held stream that wants to know when its token is revoked.
 */
import { parseArgs } from 'node:util'
import { nowMs } from './now.ts'

interface Sdk {
  readonly createVerifier: (options: object) => Promise<{
    verify(token: string): Promise<{ verdict: string }>
    onRevoked(token: string, listener: (decision: { verdict: string }) => void): unknown
  }>
}

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    issuer: { type: 'string' },
    audience: { type: 'string' },
    count: { type: 'string' },
  },
})
const { createVerifier } = (await import(
  new URL('../../../dist/verifier.js', import.meta.url).href
)) as Sdk
const count = Number(values.count)
const AT_ONCE = 50

const verifiers = await (async () => {
  const made: Awaited<ReturnType<Sdk['createVerifier']>>[] = []
  for (let begun = 0; begun < count; begun += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - begun) }, (_, i) =>
      createVerifier({
        issuer: values.issuer,
        url: values.url,
        audience: values.audience,
        name: `bench-${begun + i}`,
      }),
    )
    made.push(...(await Promise.all(some)))
  }
  return made
})()
process.send?.({ kind: 'ready' })

process.on('message', async ({ token }: { token: string }) => {
  let seen = 0
  let accepted = 0
  for (const verifier of verifiers) {
    if ((await verifier.verify(token)).verdict === 'accepted') accepted += 1
    verifier.onRevoked(token, ({ verdict }) => {
      if (verdict !== 'revoked') return
      seen += 1
      if (seen === count) process.send?.({ kind: 'all', atMs: nowMs() })
    })
  }
  process.send?.({ kind: 'watching', accepted })
})
