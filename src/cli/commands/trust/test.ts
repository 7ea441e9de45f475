import { defineCommand } from '#cli/command.ts'
import { many, text } from '#cli/flags.ts'
import { readToken } from '#cli/input.ts'
import { below, record } from '#cli/view.ts'
import { claimLines, claimShape, findingShape } from './shape.ts'

/** `credctl trust test`: the real evaluation of a real token; nothing is issued. */
export const trustTest = defineCommand({
  path: ['trust', 'test'],
  summary: 'Say how an identity token stands to a trust',
  description: [
    'The authority runs the evaluation that an exchange would run, with the issuer’s keys, and says line by line what was expected and what the token has; what it lacks is MISSING. Nothing is issued and the token is not used up.',
  ],
  args: { id: text('The trust', { required: true, placeholder: 'ID' }) },
  flags: {
    token: text('The identity token; - for stdin', {
      placeholder: 'TOKEN',
      secret: true,
      required: true,
    }),
    scope: many('A scope that the job would ask for', { placeholder: 'SCOPE' }),
  },
  examples: [
    {
      run: 'credctl trust test deploys --token - < id-token.txt',
      about: 'Why does it not get in?',
    },
  ],
  output: [findingShape],
  exits: { 0: 'a token would be issued', 3: 'there is no such trust', 5: 'none would be issued' },
  seeAlso: ['trust create', 'token issue'],

  async run(kit, { id, token: given, scope }) {
    const token = await readToken(kit, given)
    const { testTrust } = await kit.admin()
    const finding = await testTrust({
      id,
      token,
      ...(scope.length === 0 ? {} : { scopes: [...scope] }),
    })
    const headline = finding.granted
      ? 'A token would be issued.'
      : `None would be issued: ${finding.because.join('; ')}.`
    return {
      view: record(findingShape, finding, {
        headline: [headline],
        below: below(claimShape, claimLines(finding)),
      }),
      status: finding.granted ? 0 : 5,
    }
  },
})
