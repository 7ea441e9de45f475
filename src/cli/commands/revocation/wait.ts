import { defineCommand } from '#cli/command.ts'
import { oneOf, text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { enforcementTables, enforcementText } from './enforcement.ts'
import { waitedShape } from './shape.ts'
import {
  certificateFlag,
  keepingCertificate,
  timeoutFlag,
  unconfirmed,
  watchEnforcement,
} from './watch.ts'

/** `credctl revocation wait`: until no resource server accepts any more what was revoked. */
export const revocationWait = defineCommand({
  path: ['revocation', 'wait'],
  summary: 'Wait until a revocation is enforced, and get the certificate',
  description: [
    'Enforced means: every verifier that may have decided without the revocation has said that it applies it, or its lease on an older state has run out. The answer holds the certificate that the authority signs for that; --certificate writes it into a file.',
    'An audience that no verifier follows the feed for leaves it open, until the last token concerned has expired. That is waited for if it is within --timeout; else the command says so at once.',
    'Ctrl-C ends the waiting and changes nothing.',
  ],
  args: {
    id: text('The revocation', { required: true, placeholder: 'ID', complete: 'revocation' }),
  },
  flags: {
    wait: oneOf(['enforced'], 'Until when to wait', { initial: 'enforced' }),
    timeout: timeoutFlag,
    certificate: certificateFlag,
  },
  examples: [
    { run: 'credctl revocation wait rev_01j9', about: 'Look on while it comes into force' },
    {
      run: 'credctl revocation wait rev_01j9 --timeout 2m --certificate proof.jws',
      about: 'Keep the proof',
    },
  ],
  output: [waitedShape],
  exits: {
    3: 'there is no such revocation',
    7: 'not confirmed in time; the error names who is missing and by when it is certain',
    8: 'it was lifted',
    130: 'interrupted; the revocation stands',
  },
  seeAlso: ['revocation show', 'revocation verify-certificate', 'verifier list'],

  async run(kit, { id, timeout, certificate: path }) {
    const admin = await kit.admin()
    // Asked first, so that what is not there is told before a file is made.
    await admin.showRevocation({ id })
    const watched = await keepingCertificate(kit, path, () =>
      watchEnforcement(kit, id, { timeout, certify: true }),
    )
    const { enforcement, certificate } = watched
    const problem = unconfirmed(id, watched)
    if (enforcement === undefined) return { problem }
    const revocation = await admin.showRevocation({ id })
    const value = { revocation, enforcement, ...(certificate === undefined ? {} : { certificate }) }
    return {
      view: record(waitedShape, value, {
        headline: enforcementText(enforcement),
        below: enforcementTables(enforcement),
      }),
      problem,
    }
  },
})
