import { isPosition, type Position } from '#domain/feed/position.ts'

/** The media type of a certificate of enforcement, which keeps other JWTs from passing for one. */
export const CERTIFICATE_TYPE = 'feed-certificate+jwt'

/**
 * What the authority states of a revocation that is enforced: that, by its records, no verifier of
 * ours for these audiences accepts what it hits. All times are microseconds of authority time.
 */
export interface CertificateClaims {
  readonly iss: string
  /** The id of the revocation. */
  readonly revocation: string
  readonly position: Position
  /** Of the entry at `position`, base64url: it fixes all of the feed up to there. */
  readonly chain: string
  readonly publishedAt: number
  readonly reason?: string
  /** Everyone who, when it was published, might still have decided without it. Complete. */
  readonly roster: readonly CertificateMember[]
  readonly audiences: readonly CertificateAudience[]
  /** The end of its grace, where it had one. */
  readonly graceEnd?: number
  readonly enforcedAt: number
  /** When this was stated. */
  readonly time: number
}

/** One verifier, and why it cannot accept any more what the revocation hits. */
export type CertificateMember = {
  readonly incarnation: string
  readonly verifierId: string
  readonly name: string
} & (
  | {
      readonly acknowledged: {
        readonly position: Position
        readonly chain: string
        readonly digest: string
        readonly at: number
      }
    }
  | { readonly lapsedAt: number }
  | { readonly releasedAt: number }
)

/** `unprovenUntil`: no verifier of ours served it; by then its last token had expired. */
export type CertificateAudience =
  | { readonly audience: string; readonly verifiers: number }
  | { readonly audience: string; readonly unprovenUntil: number }

const HASH = /^[A-Za-z0-9_-]{43}$/

/**
 * What keeps a statement from showing what it claims, as sentences; none: it holds by itself. Its
 * signature is somebody else's to check. It takes whatever JSON may hold, and throws at nothing.
 */
export function checkCertificate(claims: unknown): string[] {
  if (!isObject(claims)) return ['it is no JSON object']
  const problems = unknownMembers(claims, MEMBERS, 'it')
  for (const name of ['iss', 'revocation'] as const) {
    if (!isText(claims[name])) problems.push(`${name} is missing`)
  }
  const { position, chain, publishedAt, enforcedAt, time, graceEnd, reason } = claims
  if (!isPosition(position)) problems.push('position is no position of a feed')
  if (!isHash(chain)) problems.push('chain is no hash')
  if (reason !== undefined && !isText(reason)) problems.push('reason is no text')
  if (!isMicros(publishedAt)) problems.push('publishedAt is no time')
  if (!isMicros(enforcedAt)) problems.push('enforcedAt is no time')
  if (!isMicros(time)) problems.push('time is no time')
  if (graceEnd !== undefined && !isMicros(graceEnd)) problems.push('graceEnd is no time')
  if (!Array.isArray(claims['roster'])) problems.push('roster is no list')
  if (!Array.isArray(claims['audiences'])) problems.push('audiences is no list')
  if (0 < problems.length) return problems
  const frame = claims as unknown as Frame
  return [...orderProblems(frame), ...rosterProblems(frame), ...audienceProblems(frame)]
}

interface Frame {
  readonly position: number
  readonly chain: string
  readonly publishedAt: number
  readonly enforcedAt: number
  readonly time: number
  readonly graceEnd?: number
  readonly roster: readonly unknown[]
  readonly audiences: readonly unknown[]
}

const MEMBERS = [
  'iss',
  'revocation',
  'position',
  'chain',
  'publishedAt',
  'reason',
  'roster',
  'audiences',
  'graceEnd',
  'enforcedAt',
  'time',
]

function orderProblems({ publishedAt, enforcedAt, time, graceEnd }: Frame): string[] {
  const problems: string[] = []
  if (enforcedAt < publishedAt) problems.push('it was enforced before it was published')
  if (time < enforcedAt) problems.push('it was stated before it was enforced')
  if (graceEnd !== undefined && enforcedAt < graceEnd) {
    problems.push('it was enforced before its grace was over')
  }
  return problems
}

function rosterProblems(frame: Frame): string[] {
  const problems: string[] = []
  const seen = new Set<string>()
  for (const member of frame.roster) {
    const problem = memberProblem(member, frame, seen)
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}

function memberProblem(member: unknown, frame: Frame, seen: Set<string>): string | undefined {
  if (!isObject(member)) return 'an entry of the roster is no object'
  const { incarnation, verifierId, name, acknowledged, lapsedAt, releasedAt } = member
  if (!isText(incarnation) || !isText(verifierId) || !isText(name)) {
    return 'an entry of the roster does not say whose it is'
  }
  const [extra] = unknownMembers(member, ROSTER_MEMBERS, incarnation)
  if (extra !== undefined) return extra
  if (seen.has(incarnation)) return `${incarnation} is in the roster twice`
  seen.add(incarnation)
  const ways = [acknowledged, lapsedAt, releasedAt].filter((way) => way !== undefined)
  if (ways.length !== 1) return `${incarnation} has not one reason for which it decides no more`
  if (acknowledged !== undefined) return wordProblem(incarnation, acknowledged, frame)
  const ended = lapsedAt ?? releasedAt
  if (!isMicros(ended)) return `the time at which ${incarnation} ended is no time`
  if (ended <= frame.publishedAt) return `${incarnation} ended before the revocation was published`
  return frame.enforcedAt < ended
    ? `${incarnation} might still have decided at that time`
    : undefined
}

const ROSTER_MEMBERS = [
  'incarnation',
  'verifierId',
  'name',
  'acknowledged',
  'lapsedAt',
  'releasedAt',
]

function wordProblem(incarnation: string, word: unknown, frame: Frame): string | undefined {
  if (!isObject(word)) return `what ${incarnation} acknowledged is no object`
  const [extra] = unknownMembers(word, ['position', 'chain', 'digest', 'at'], incarnation)
  if (extra !== undefined) return extra
  const { position, chain, digest, at } = word
  if (!isPosition(position) || !isHash(chain) || !isHash(digest) || !isMicros(at)) {
    return `what ${incarnation} acknowledged is not well formed`
  }
  if (position < frame.position)
    return `${incarnation} acknowledged a position before the revocation`
  if (position === frame.position && chain !== frame.chain) {
    return `${incarnation} acknowledged another feed`
  }
  if (at < frame.publishedAt) return `${incarnation} acknowledged before there was a revocation`
  return frame.time < at ? `${incarnation} acknowledged after this was stated` : undefined
}

function audienceProblems({ audiences, enforcedAt }: Frame): string[] {
  const problems: string[] = []
  const seen = new Set<string>()
  for (const one of audiences) {
    if (!isObject(one) || !isText(one['audience'])) {
      problems.push('an entry of audiences names none')
      continue
    }
    const { audience, verifiers, unprovenUntil } = one
    problems.push(...unknownMembers(one, ['audience', 'verifiers', 'unprovenUntil'], audience))
    if (seen.has(audience)) problems.push(`${audience} is named twice`)
    seen.add(audience)
    if ((verifiers === undefined) === (unprovenUntil === undefined)) {
      problems.push(`${audience} is either served or unproven until some time`)
    } else if (unprovenUntil === undefined) {
      if (!isCount(verifiers)) problems.push(`the verifiers of ${audience} are no number`)
    } else if (!isMicros(unprovenUntil)) {
      problems.push(`${audience} is unproven until what is no time`)
    } else if (enforcedAt < unprovenUntil) {
      problems.push(`${audience} was still unproven when it was enforced`)
    }
  }
  return problems
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isHash = (value: unknown): boolean => typeof value === 'string' && HASH.test(value)
const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && 0 <= (value as number)
const isMicros = (value: unknown): value is number => isCount(value) && 0 < value

/** What is not known cannot have been checked. */
function unknownMembers(
  object: Readonly<Record<string, unknown>>,
  known: readonly string[],
  whose: string,
): string[] {
  const extra = Object.keys(object).filter((name) => !known.includes(name))
  return extra.map((name) => `${whose} says ${name}, which is not known here`)
}
