import { readInput } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'

/** A person is shown it where it can be copied; whoever asked for less is told that it is lost. */
export async function showSecret(kit: Kit, secret: string, id: string): Promise<void> {
  const { output, isQuiet, fields } = kit.settings
  const isPrinted = fields === undefined || fields.includes('clientSecret')
  if (!isQuiet && isPrinted && output !== 'name') {
    if (fields !== undefined || !['table', 'wide'].includes(output)) return
    await kit.io.out(
      `\nIts secret is shown this once, and only a keyed hash of it is kept:\n\n${secret}\n\n`,
    )
    return
  }
  kit.warn(
    `the secret of ${id} was not printed, and it is not kept; to have one: credctl client secret rotate ${id} -o json`,
  )
}

/** RFC 7517: a JWK, or a set of them; or PEM. What is private is refused before it leaves this machine. */
export async function readKeys(kit: Kit, path: string): Promise<Record<string, unknown>[]> {
  const given = (await readInput(kit, path)).trim()
  if (given.includes('-----BEGIN')) {
    if (given.includes('PRIVATE KEY-----')) refusePrivate()
    return [{ ...(await kit.files.publicJwk(given)) }]
  }
  const value = parsed(given)
  const keys = Array.isArray(value?.['keys']) ? (value['keys'] as unknown[]) : [value]
  return keys.map((key) => {
    if (!isObject(key) || typeof key['kty'] !== 'string') return refuseNoKey()
    if ('d' in key || 'k' in key) return refusePrivate()
    return key
  })
}

function parsed(given: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(given)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const refuseNoKey = (): never =>
  refuse('request-invalid', '--key: that is neither a JWK in JSON (RFC 7517) nor PEM', {
    next: 'for example: openssl ec -in private.pem -pubout -out public.pem',
  })

const refusePrivate = (): never =>
  refuse('request-invalid', '--key: that is a private key; register only its public half', {
    next: 'for example: openssl pkey -in private.pem -pubout -out public.pem',
  })
