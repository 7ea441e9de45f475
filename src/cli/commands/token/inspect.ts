import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { readToken } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { clean, padEnd, widthOf } from '#cli/render/text.ts'
import { absolute, relative } from '#cli/render/time.ts'
import { record, shape } from '#cli/view.ts'
import { parseToken } from '#contract/token.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { dated, meanings, timeClaims } from './claims.ts'

type Members = Readonly<Record<string, unknown>>

/** A token taken apart. What cannot be told from it is null. */
interface Inspection {
  readonly header: Members
  readonly claims: Members
  /** Always: nothing that stands here is proved. */
  readonly signatureChecked: false
  /** By this machine's clock. */
  readonly expired: boolean | null
  readonly issuedAt: string | null
  readonly expiresAt: string | null
}

const inspectionShape = shape<Inspection>({
  kind: 'credential',
  id: ({ claims }) => (typeof claims['jti'] === 'string' ? claims['jti'] : '-'),
  columns: [
    { key: 'header', kind: 'map' },
    { key: 'claims', kind: 'map' },
    { key: 'signatureChecked', title: 'signature checked' },
    { key: 'expired' },
    { key: 'issuedAt', kind: 'time' },
    { key: 'expiresAt', title: 'expires', kind: 'time' },
  ],
})

/** `credctl token inspect`: decodes a token on this machine, and asks nobody. */
export const tokenInspect = defineCommand({
  path: ['token', 'inspect'],
  summary: 'Decode a token on this machine, without checking it',
  description: [
    'Shows header and claims of a JWT, whoever issued it. Nothing is sent anywhere, and nothing is checked: anybody can write such a token. `token verify` checks one.',
    'The token comes from stdin. One on the command line works too, but stays in the history of the shell and can be read by others on this machine.',
  ],
  args: {
    token: text('The token; - for stdin', { placeholder: 'TOKEN', secret: true }),
  },
  flags: {},
  examples: [
    { run: 'credctl token inspect < token.txt', about: 'What a token says of itself' },
    {
      run: 'credctl token inspect - -o json < token.txt | jq -r .claims.jti',
      about: 'The id by which it can be revoked',
    },
  ],
  output: [inspectionShape],
  exits: { 2: 'that is no JWT' },
  seeAlso: ['token verify', 'token show'],

  async run(kit, { token: given }) {
    const token = await readToken(kit, given)
    const parsed = parseToken(token)
    if (typeof parsed === 'string') return refuseMalformed(token, parsed)
    const { header, claims } = parsed
    const now = kit.clock.now()
    const issuedAt = dated(claims['iat'])
    const expiresAt = dated(claims['exp'])
    const inspection: Inspection = {
      header,
      claims,
      signatureChecked: false,
      expired: expiresAt === undefined ? null : expiresAt <= now,
      issuedAt: issuedAt === undefined ? null : formatInstant(issuedAt),
      expiresAt: expiresAt === undefined ? null : formatInstant(expiresAt),
    }
    const text = kit.settings.fields === undefined ? await textOf(kit, inspection, now) : undefined
    return { view: record(inspectionShape, inspection, { text }) }
  },
})

function refuseMalformed(token: string, why: string): never {
  const isId = /^cred_[0-9a-z]{1,40}$/.test(token)
  refuse(
    'token-malformed',
    isId ? 'that is the id of a token, not a token' : `that is no JWT: ${why}`,
    {
      next: isId
        ? `credctl token show ${token}`
        : 'give the whole token, as it was issued, on stdin',
    },
  )
}

/** A longer value does not push the meanings of all others to the right. */
const VALUE_WIDTH_MAX = 44

async function textOf(
  kit: Kit,
  { header, claims, expired }: Inspection,
  now: Instant,
): Promise<string> {
  const { bold, dim, red } = await kit.style.out()
  const rows = (members: Members): string[] => {
    const entries = Object.entries(members).map(
      ([name, value]) =>
        [clean(name), clean(valueOf(name, value, now)), meanings.get(name)] as const,
    )
    const nameWidth = Math.max(0, ...entries.map(([name]) => widthOf(name)))
    const widths = entries.map(([, value]) => widthOf(value))
    const valueWidth = Math.min(Math.max(0, ...widths), VALUE_WIDTH_MAX)
    return entries.map(([name, value, meaning]) => {
      const painted = name === 'exp' && expired === true ? red : (text: string) => text
      const head = `  ${padEnd(name, nameWidth)}  `
      if (meaning === undefined) return `${head}${painted(value)}`
      return `${head}${painted(padEnd(value, valueWidth))}  ${dim(meaning)}`
    })
  }
  return [
    bold('Header'),
    ...rows(header),
    '',
    bold('Claims'),
    ...rows(claims),
    '',
    `${expired === true ? 'It has expired. ' : ''}The signature was NOT checked: anybody can write such a token.`,
    'To have it checked: credctl token verify -',
  ].join('\n')
}

function valueOf(name: string, value: unknown, now: Instant): string {
  const at = timeClaims.includes(name) ? dated(value) : undefined
  if (at !== undefined) return `${absolute(at)} (${relative(at, now)})`
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(' ')
  return JSON.stringify(value)
}
