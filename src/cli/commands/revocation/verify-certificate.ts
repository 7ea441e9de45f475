import { defineCommand } from '#cli/command.ts'
import { visible } from '#cli/commands/revoke/plan-text.ts'
import { file } from '#cli/flags.ts'
import { readInput } from '#cli/input.ts'
import type { Kit, ReadCertificate } from '#cli/kit.ts'
import { below, record, shape } from '#cli/view.ts'
import type { CertificateClaims, CertificateMember } from '#contract/certificate.ts'
import { formatInstant, instant } from '#kernel/instant.ts'
import { PAGE_SIZE_MAX } from '#kernel/page.ts'
import { Problem, refuse } from '#kernel/problem.ts'

type Jwk = Readonly<Record<string, unknown>>

/** A certificate that holds, in words: times are those of the authority. */
interface Verified {
  readonly valid: true
  readonly revocationId: string
  readonly issuer: string
  readonly position: number
  readonly reason?: string
  readonly publishedAt: string
  readonly graceEndsAt?: string
  readonly enforcedAt: string
  readonly statedAt: string
  readonly verifiers: {
    readonly total: number
    readonly acknowledged: number
    readonly lapsed: number
  }
  readonly audiences: readonly {
    readonly audience: string
    readonly verifiers?: number
    readonly unprovenUntil?: string
  }[]
  readonly keyId: string
}

const verifiedShape = shape<Verified>({
  kind: 'revocation',
  id: ({ revocationId }) => revocationId,
  columns: [
    { key: 'revocationId', title: 'Revocation', keep: true },
    { key: 'enforcedAt', title: 'Enforced', kind: 'time' },
    { key: 'publishedAt', title: 'Published', kind: 'time' },
    { key: 'verifiers.total', title: 'Verifiers', kind: 'number' },
    { key: 'verifiers.acknowledged', title: 'Acknowledged', kind: 'number' },
    { key: 'verifiers.lapsed', title: 'Lapsed', kind: 'number' },
    { key: 'audiences.audience', title: 'Audiences' },
    { key: 'statedAt', title: 'Stated', kind: 'time' },
    { key: 'issuer' },
    { key: 'keyId', title: 'Signed by' },
    { key: 'position', kind: 'number', from: 'wide' },
    { key: 'reason', from: 'wide' },
    { key: 'graceEndsAt', title: 'Grace ended', kind: 'time', from: 'wide' },
    { key: 'valid', from: 'fields' },
    { key: 'audiences.verifiers', title: 'Verifiers by audience', from: 'fields' },
    { key: 'audiences.unprovenUntil', title: 'Unproven until', from: 'fields' },
  ],
})

interface Line {
  readonly name: string
  readonly how: string
  readonly at: string
  readonly incarnation: string
}

const memberShape = shape<Line>({
  kind: 'verifier',
  id: ({ incarnation }) => incarnation,
  columns: [
    { key: 'name', title: 'Verifier', keep: true },
    { key: 'how', title: 'Decides no more without it' },
    { key: 'at', title: 'Since', kind: 'time' },
    { key: 'incarnation', from: 'wide' },
  ],
})

/** Of a roster of thousands, a person is shown the beginning. */
const MEMBERS_SHOWN_MAX = 20

/** `credctl revocation verify-certificate`: whether a proof of enforcement is one. */
export const revocationVerifyCertificate = defineCommand({
  path: ['revocation', 'verify-certificate'],
  summary: 'Check a certificate of enforcement on this machine',
  description: [
    'Checks that the authority signed it, with a key for that purpose, and that what it says shows by itself that no verifier of its audiences decides any more without the revocation.',
    'The keys are those in --jwks FILE: a JWK, a JWK Set (RFC 7517), or what `credctl key list --purpose feed -o json` printed where the authority is; then nothing is asked of anybody. Without it they are fetched from the authority that this command reaches: retired ones too, but none that was revoked.',
    'FILE holds the certificate alone, or the JSON of the command that got it.',
  ],
  args: { file: file('The certificate; - is stdin', { required: true }) },
  flags: {
    jwks: file('Public keys of the authority for its feed, as JSON; nobody is asked then'),
  },
  examples: [
    {
      run: 'credctl revocation verify-certificate proof.jws --jwks keys.json',
      about: 'Check it without a network',
    },
    {
      run: 'credctl key list --purpose feed -o json > keys.json && credctl revocation verify-certificate proof.jws --jwks keys.json',
      about: 'Get the keys, where the authority is',
    },
  ],
  output: [verifiedShape],
  exits: { 1: 'it does not hold; the error says why' },
  seeAlso: ['revocation wait', 'key list'],

  async run(kit, { file: path, jwks }) {
    if (path === '-' && jwks === '-') {
      refuse('usage-invalid', 'the certificate and --jwks both want stdin', {
        next: 'put one of them into a file',
      })
    }
    const text = certificateIn(await readInput(kit, path))
    const keys =
      jwks === undefined ? await keysOfAuthority(kit) : keysIn(await readInput(kit, jwks))
    const read = await kit.readCertificate(text, keys)
    const { claims, keyId } = read
    if (claims === undefined || keyId === undefined) return { problem: invalid(read) }
    const value = verifiedOf(claims, keyId)
    const shown = claims.roster.slice(0, MEMBERS_SHOWN_MAX).map(lineOf)
    const more = claims.roster.length - shown.length
    return {
      view: record(verifiedShape, value, {
        headline: [
          `The certificate holds: ${claims.revocation} was enforced at ${value.enforcedAt}.`,
          ...unprovenLines(value),
          ...(0 < more
            ? [`The first ${shown.length} of ${claims.roster.length} verifiers follow.`]
            : []),
        ],
        below: below(memberShape, shown),
      }),
    }
  },
})

const unprovenLines = ({ audiences }: Verified): string[] =>
  audiences.flatMap(({ audience, unprovenUntil }) =>
    unprovenUntil === undefined
      ? []
      : [`For ${visible(audience)} by expiry alone, at ${unprovenUntil}: no verifier served it.`],
  )

/** A JWS holds no brace; what begins with one is what a command printed around it. */
function certificateIn(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') {
    refuse('request-invalid', 'there is no certificate: the input is empty', { next: GET_ONE })
  }
  if (!trimmed.startsWith('{')) return trimmed
  const certificate = (parsed(trimmed) as { certificate?: unknown } | undefined)?.certificate
  if (typeof certificate === 'string') return certificate
  return refuse('request-invalid', 'the JSON holds no certificate', { next: GET_ONE })
}

const GET_ONE = 'credctl revocation wait ID --certificate FILE gets one, once it is enforced'

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A JWK, a JWK Set, or a list of keys as the command line prints it. */
function keysIn(text: string): readonly Jwk[] {
  const value = parsed(text)
  const { keys, items, publicJwk } = (isObject(value) ? value : {}) as {
    readonly keys?: unknown
    readonly items?: unknown
    readonly publicJwk?: unknown
  }
  const found = Array.isArray(keys)
    ? keys
    : Array.isArray(items)
      ? items.map((item: { publicJwk?: unknown } | null) => item?.publicJwk)
      : [publicJwk ?? value]
  const jwks = found.filter((jwk): jwk is Jwk => isObject(jwk) && 'kty' in jwk)
  if (0 < jwks.length) return jwks
  return refuse('request-invalid', '--jwks holds no public key', {
    next: 'credctl key list --purpose feed -o json > keys.json, where the authority is',
  })
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every key that the authority ever signed its feed with, but for those that were revoked. */
async function keysOfAuthority(kit: Kit): Promise<readonly Jwk[]> {
  const { listKeys } = await kit.admin().catch(sayWhatToGive)
  const keys: Jwk[] = []
  let cursor: string | undefined
  do {
    const page = await listKeys({ purpose: 'feed', limit: PAGE_SIZE_MAX, cursor })
    // Whoever stole a key certifies what he likes, so one that was revoked proves nothing.
    const trusted = page.items.filter(({ state }) => state !== 'revoked')
    keys.push(...trusted.map(({ publicJwk }) => publicJwk))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return keys
}

/** Who only holds a certificate has no authority here, and should not make one. */
function sayWhatToGive(thrown: unknown): never {
  if (!(thrown instanceof Problem) || thrown.code !== 'authority-missing') throw thrown
  return refuse('input-required', 'there is no key to check the certificate with', {
    next: 'give the keys with --jwks FILE, or the authority with --server, --data-dir or --context',
  })
}

const invalid = ({ problems }: ReadCertificate): Problem =>
  new Problem('certificate-invalid', problems.slice(0, PROBLEMS_SAID_MAX).join('; '), {
    next: 'take nothing for proved; credctl revocation show ID says where it stands',
    facts: { problems },
  })

const PROBLEMS_SAID_MAX = 10

function verifiedOf(claims: CertificateClaims, keyId: string): Verified {
  const { reason, graceEnd, roster } = claims
  const acknowledged = roster.filter((member) => 'acknowledged' in member).length
  return {
    valid: true,
    revocationId: claims.revocation,
    issuer: claims.iss,
    position: claims.position,
    ...(reason === undefined ? {} : { reason }),
    publishedAt: timeOf(claims.publishedAt),
    ...(graceEnd === undefined ? {} : { graceEndsAt: timeOf(graceEnd) }),
    enforcedAt: timeOf(claims.enforcedAt),
    statedAt: timeOf(claims.time),
    verifiers: { total: roster.length, acknowledged, lapsed: roster.length - acknowledged },
    audiences: claims.audiences.map((one) =>
      'verifiers' in one
        ? { audience: one.audience, verifiers: one.verifiers }
        : { audience: one.audience, unprovenUntil: timeOf(one.unprovenUntil) },
    ),
    keyId,
  }
}

function lineOf(member: CertificateMember): Line {
  const { name, incarnation } = member
  if ('acknowledged' in member) {
    return { name, incarnation, how: 'acknowledged', at: timeOf(member.acknowledged.at) }
  }
  return 'lapsedAt' in member
    ? { name, incarnation, how: 'lease over', at: timeOf(member.lapsedAt) }
    : { name, incarnation, how: 'closed', at: timeOf(member.releasedAt) }
}

/** The millisecond by which it was so. */
const timeOf = (micros: number): string => formatInstant(instant(Math.ceil(micros / 1000)))
