import { defineCommand } from '#cli/command.ts'
import { file, text } from '#cli/flags.ts'
import { readInput, readToken } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { record, shape } from '#cli/view.ts'
import type { SelfRevoked } from '#client/oauth.ts'
import type { SelfRevocationResult } from '#contract/oauth.ts'
import { refuse } from '#kernel/problem.ts'

const selfRevokedShape = shape<SelfRevoked>({
  kind: 'credential',
  id: ({ credentialId }) => credentialId ?? '-',
  columns: [
    { key: 'result', kind: 'state' },
    { key: 'credentialId', title: 'credential', keep: true },
  ],
})

/** Where a job has its token, in this order. */
const VARIABLES = ['ACCESS_TOKEN', 'CREDCTL_TOKEN'] as const

/** `credctl token revoke-self`: gives back the token that one holds, at the end of a job. */
export const tokenRevokeSelf = defineCommand({
  path: ['token', 'revoke-self'],
  summary: 'Give back a token that you hold, when you are done with it',
  description: [
    'Revokes the very token that it is given, and needs nothing beside it: to hold a token is enough to end it. A token that has expired, was revoked before or is not known here is success, since nothing of it is left; the JSON tells these apart.',
    'The token comes from stdin (-), a file, or a variable. With none of them a script takes $ACCESS_TOKEN, else $CREDCTL_TOKEN; at a terminal, where that could be a slip, nothing is revoked.',
    'Other tokens, and those of somebody else, are revoked by credctl revoke.',
  ],
  args: {
    token: text('The token; - for stdin', { placeholder: 'TOKEN', secret: true }),
  },
  flags: {
    tokenFile: file('The file that holds the token'),
    env: text('The variable that holds the token', { placeholder: 'NAME' }),
  },
  examples: [
    {
      run: 'credctl token revoke-self --env DEPLOY_TOKEN',
      about: 'The last step of a job',
    },
    {
      run: 'credctl token revoke-self - < token.txt',
      about: 'From stdin',
    },
  ],
  output: [selfRevokedShape],
  exits: {
    0: 'nothing of the token is left',
    2: 'there is no token, or it is not clear which',
    75: 'the authority cannot be reached; the token ends when it expires',
  },
  seeAlso: ['token issue', 'token exec', 'revoke'],

  async run(kit, input) {
    const token = await tokenOf(kit, input)
    const oauth = await kit.oauth()
    const revoked = await oauth.revokeSelf(token)
    await kit.show(record(selfRevokedShape, revoked, { headline: [SENTENCES[revoked.result]] }))
    if (revoked.result === 'unknown') {
      kit.warn('this authority knows no such token: if it is another’s, nothing was revoked')
    }
    return {}
  },
})

const SENTENCES: Readonly<Record<SelfRevocationResult, string>> = {
  revoked: 'Revoked.',
  'already-revoked': 'It was revoked before.',
  expired: 'It has expired.',
  unknown: 'Nothing to revoke.',
}

type Input = Parameters<typeof tokenRevokeSelf.run>[1]

async function tokenOf(kit: Kit, { token, tokenFile, env }: Input): Promise<string> {
  const given = [token, tokenFile, env].filter((one) => one !== undefined)
  if (1 < given.length) {
    refuse('usage-invalid', 'of stdin, --token-file and --env only one can be meant', {
      next: 'leave out the others',
    })
  }
  if (token !== undefined) return mustBeThere(await readToken(kit, token), 'stdin')
  if (tokenFile !== undefined) return mustBeThere(await readInput(kit, tokenFile), tokenFile)
  if (env !== undefined) return mustBeThere(kit.env[env] ?? '', `variable ${env}`)
  return fromEnvironment(kit)
}

/** Of a script only: whoever sits at a terminal may have hit Enter too early. */
function fromEnvironment({ env, io }: Kit): string {
  const next = 'give it on stdin with -, or by --token-file FILE, or by --env NAME'
  if (io.isInTty || io.isOutTty || io.isErrTty) {
    refuse('input-required', 'which token is to be revoked must be said at a terminal', { next })
  }
  const set = VARIABLES.filter((name) => (env[name] ?? '') !== '')
  const [name] = set
  if (name === undefined) return refuse('input-required', 'no token', { next })
  if (new Set(set.map((one) => env[one])).size === 1) return mustBeThere(env[name] ?? '', name)
  return refuse('usage-invalid', `${set.join(' and ')} hold different tokens`, {
    next: `say which: --env ${name}`,
  })
}

function mustBeThere(text: string, where: string): string {
  const token = text.trim()
  if (token !== '') return token
  return refuse('input-required', `there is no token in ${where}`, {
    next: 'where none was issued, nothing has to be revoked',
  })
}
