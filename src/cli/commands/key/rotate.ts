import { defineCommand } from '#cli/command.ts'
import { liveTokens, type Rotation, rotationShape } from '#cli/commands/shapes.ts'
import { oneOf } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { keyPurposes } from '#contract/words.ts'

/**
 * `credctl key rotate`: signs with a new key from now on.
 *
 * It asks nothing, because it breaks nothing: the old key stays published as long as a token needs it.
 */
export const keyRotate = defineCommand({
  path: ['key', 'rotate'],
  summary: 'Sign with a new key; the old one stays published as long as tokens need it',
  description: [
    'New tokens are signed with the new key. Tokens of the old one go on being accepted until they expire: it stays in the key set until none can need it, which is worked out from what was issued.',
    'With --purpose feed it is the key that the feed’s heads and the certificates are signed with. The old one vouches for the new one in the feed, so verifiers follow by themselves; certificates of the old one go on being good.',
    'With --purpose status it is the key that status lists are signed with. The old one stays in the key set for longer than any list that it signed is good.',
    'A key that somebody else may have is not rotated but revoked: credctl revoke --key ID --reason compromise.',
  ],
  args: {},
  flags: { purpose: oneOf(keyPurposes, 'What the key signs', { initial: 'token' }) },
  examples: [
    { run: 'credctl key rotate', about: 'Rotate the key that signs tokens' },
    {
      run: 'credctl key rotate --purpose feed',
      about: 'Rotate the key that signs the feed’s heads',
    },
    { run: 'credctl key rotate -o json | jq -r .key.id', about: 'The id of the new key' },
  ],
  output: [rotationShape],
  seeAlso: ['key list', 'revoke'],

  async run(kit, { purpose }) {
    const { rotateKey } = await kit.admin()
    const rotation = await rotateKey({ purpose })
    await kit.show(record(rotationShape, rotation, { headline: headline(rotation) }))
    kit.hint(
      purpose === 'feed'
        ? 'verifiers learn of it from the feed; where its keys are pinned by hand, pin the new one'
        : 'resource servers that cache the key set fetch it again when they meet the new key',
    )
    return {}
  },
})

function headline({ key, previous }: Rotation): string[] {
  if (key.purpose === 'feed') {
    const vouched = previous === undefined ? '' : `, and ${previous.id} vouches for it`
    return [`${key.id} signs the feed’s heads from now on${vouched}.`]
  }
  const what = key.purpose === 'status' ? 'status lists ' : ''
  const first = `${key.id} signs ${what}from now on.`
  if (previous === undefined) return [first]
  const count = previous.liveCredentials
  if (key.purpose === 'status')
    return [first, `${previous.id} stays published${untilOf(previous)}.`]
  const need =
    count === 0
      ? 'no live token needs it'
      : `${liveTokens(count)} ${count === 1 ? 'needs' : 'need'} it`
  return [first, `${previous.id} stays published${untilOf(previous)}; ${need}.`]
}

const untilOf = ({ retireAfter }: Rotation['key']): string =>
  retireAfter === undefined ? '' : ` until ${retireAfter}`
