import { describe, expect, expectTypeOf, it } from 'vitest'
import { defineCommand } from '#cli/command.ts'
import { confirmationFlags } from '#cli/confirm.ts'
import { duration, keyValue, many, oneOf, onOff, text, time, toggle } from '#cli/flags.ts'
import { record, shape } from '#cli/view.ts'
import type { Instant } from '#kernel/instant.ts'

const thing = shape<{ readonly id: string; readonly expiresAt: string }>({
  kind: 'thing',
  id: ({ id }) => id,
  columns: [
    { key: 'id', keep: true },
    { key: 'expiresAt', kind: 'time' },
  ],
})

describe('a command', () => {
  it('infers its input from its arguments and flags', () => {
    const command = defineCommand({
      path: ['thing', 'make'],
      summary: 'Make a thing',
      args: { id: text('its name', { required: true }), other: text('another') },
      flags: {
        ttl: duration('how long'),
        grace: duration('mercy', { initial: 0, zero: true }),
        reason: oneOf(['testing', 'other'], 'why', { required: true }),
        scope: many('what for'),
        tag: keyValue('marks'),
        issuedAfter: time('from when on'),
        block: onOff('no issuing'),
        dryRun: toggle('only say'),
        ...confirmationFlags,
      },
      examples: [{ run: 'credctl thing make a', about: 'Make a' }],
      output: [thing],
      async run(_kit, input) {
        expectTypeOf(input).toEqualTypeOf<
          { readonly id: string; readonly other: string | undefined } & {
            readonly ttl: number | undefined
            readonly grace: number
            readonly reason: 'testing' | 'other'
            readonly scope: readonly string[]
            readonly tag: Readonly<Record<string, string>>
            readonly issuedAfter: Instant | undefined
            readonly block: boolean | undefined
            readonly dryRun: boolean
            readonly yes: boolean
            readonly confirm: string | undefined
          }
        >()
        return { view: record(thing, { id: input.id, expiresAt: '2026-11-23T19:08:00.000Z' }) }
      },
    })
    expect(command.flags.reason.choices).toEqual(['testing', 'other'])
  })
})
